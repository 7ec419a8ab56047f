use std::{fmt, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::ConfigError;
use crate::observe::Watch;

/// Something that can be steered by name: every layer's handle.
///
/// It is what a registry works with, and a console could. In code, the methods of the handles
/// themselves say the same with types.
pub trait Steer: Watch {
    /// The layer: its module's name.
    fn layer(&self) -> &'static str;

    /// The name given to it, empty if none was given.
    fn name(&self) -> String;

    /// The configuration in force.
    fn config(&self) -> Value;

    /// Reads a whole configuration and says whether it can work; answers it in full, with every
    /// default.
    ///
    /// # Errors
    /// If it cannot; the error names the field.
    fn check(&self, config: &Value) -> Result<Value, SteerError>;

    /// Changes the configuration while calls run; what the layer knows stays.
    ///
    /// # Errors
    /// If it cannot work; nothing is changed then.
    fn apply(&self, config: &Value) -> Result<(), SteerError>;

    /// The fields that are one of several things, so that two of them cannot be merged.
    fn alternatives(&self) -> &'static [&'static str] {
        &[]
    }

    /// What can be done with it by hand.
    fn actions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Does one of the [actions](Self::actions); false if it has no such.
    fn act(&self, action: &str) -> bool {
        let _ = action;
        false
    }

    /// What it knows and should know again after a restart, if anything.
    fn save(&self) -> Option<Value> {
        None
    }

    /// Takes over what was [saved](Self::save) so long ago, as far as it still means anything.
    ///
    /// # Errors
    /// If that is not what this layer saves, or if it is in use already.
    fn restore(&self, saved: &Value, age: Duration) -> Result<(), SteerError> {
        let _ = (saved, age);
        Err(SteerError::new("", "this layer saves nothing"))
    }
}

/// What is wrong with a configuration, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SteerError {
    path: String,
    problem: String,
}

impl SteerError {
    /// What is wrong at a path such as `window.time`; empty for the whole.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            problem: problem.into(),
        }
    }

    /// Where: `window.time`; empty if it is the whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What, and what to do about it.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// The same, seen from further up.
    #[must_use]
    pub fn below(mut self, parent: &str) -> Self {
        self.path = match (parent, &*self.path) {
            ("", _) => self.path,
            (_, "") => parent.to_owned(),
            (_, path) => format!("{parent}.{path}"),
        };
        self
    }
}

impl fmt::Display for SteerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.problem);
        }
        write!(f, "`{}` {}", self.path, self.problem)
    }
}

impl std::error::Error for SteerError {}

impl From<ConfigError> for SteerError {
    fn from(error: ConfigError) -> Self {
        Self::new(error.field(), error.problem())
    }
}

/// Reads a value, and names the field that cannot be read.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, SteerError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string() {
            whole if whole == "." => String::new(),
            path => path,
        };
        SteerError::new(path, error.into_inner().to_string())
    })
}

/// Any of our types as a value.
pub(crate) fn write<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("our types have keys that are text")
}

/// [`Steer`] for a handle with `config` and `update`.
macro_rules! steerable {
    (
        $handle:ty, $config:ty, $emitter:expr
        $(, alternatives: [$($alternative:literal),*])?
        $(, actions: {$($action:literal => $act:expr),* $(,)?})?
        $(, saves: $saved:ty)?
    ) => {
        impl $crate::config::Steer for $handle {
            fn layer(&self) -> &'static str {
                let emitter: fn(&Self) -> &$crate::observe::Emitter = $emitter;
                emitter(self).layer()
            }

            fn name(&self) -> String {
                let emitter: fn(&Self) -> &$crate::observe::Emitter = $emitter;
                emitter(self).name().as_str().to_owned()
            }

            fn config(&self) -> ::serde_json::Value {
                $crate::config::write(&<$handle>::config(self))
            }

            fn check(
                &self,
                config: &::serde_json::Value,
            ) -> Result<::serde_json::Value, $crate::config::SteerError> {
                let config: $config = $crate::config::read(config)?;
                config.check()?;
                Ok($crate::config::write(&config))
            }

            fn apply(
                &self,
                config: &::serde_json::Value,
            ) -> Result<(), $crate::config::SteerError> {
                Ok(self.update($crate::config::read(config)?)?)
            }

            $(
                fn alternatives(&self) -> &'static [&'static str] {
                    &[$($alternative),*]
                }
            )?

            $(
                fn actions(&self) -> &'static [&'static str] {
                    &[$($action),*]
                }

                fn act(&self, action: &str) -> bool {
                    let act: fn(&Self) = match action {
                        $($action => $act,)*
                        _ => return false,
                    };
                    act(self);
                    true
                }
            )?

            $(
                fn save(&self) -> Option<::serde_json::Value> {
                    Some($crate::config::write(&<$saved>::of(self)))
                }

                fn restore(
                    &self,
                    saved: &::serde_json::Value,
                    age: ::std::time::Duration,
                ) -> Result<(), $crate::config::SteerError> {
                    let saved: $saved = $crate::config::read(saved)?;
                    saved.restore(self, age)
                }
            )?
        }
    };
}

pub(crate) use steerable;

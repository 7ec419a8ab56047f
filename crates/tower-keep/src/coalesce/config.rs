use std::time::Duration;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError};

/// Which calls share an answer, and how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoalesceConfig {
    /// Whether answers are shared at all. Default true; false: as if the layer were not there.
    pub enabled: bool,
    /// How many bytes the body of a shared answer may have. Default 64 KiB: it is kept until it is
    /// complete, once for each key in flight.
    pub max_body: usize,
    /// How many different answers may be waited for at once. Default 1000. A call beyond that goes to
    /// the service by itself.
    pub max_keys: usize,
    /// How many calls may wait for the same answer. Default 1000. A call beyond that goes to the
    /// service by itself.
    pub max_waiters: usize,
    /// How long a leader may take before another call leads beside it. Default 1 s: a hundred callers
    /// should not hang on one connection that does, nor on one caller who reads slowly.
    #[serde(with = "humantime_serde")]
    pub max_wait: Duration,
    /// How many leaders in a row may fail before those who wait call the service themselves. Default 2:
    /// one failure may be bad luck.
    pub max_failures: u32,
    /// The request's fields that are part of the default key, because services answer differently by
    /// them. Default `accept`, `accept-encoding`, `accept-language`. An answer that says in `Vary` that
    /// it depends on others is not shared.
    pub vary: Vec<String>,
}

impl Default for CoalesceConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_body: 64 * 1024,
            max_keys: 1000,
            max_waiters: 1000,
            max_wait: Duration::from_secs(1),
            max_failures: 2,
            vary: ["accept", "accept-encoding", "accept-language"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

impl CoalesceConfig {
    /// The names in `vary`, if the configuration can work.
    pub(super) fn check(&self) -> Result<Vec<HeaderName>, ConfigError> {
        let check = Check(LAYER);
        check.at_least("max_keys", self.max_keys, 1)?;
        check.at_least("max_waiters", self.max_waiters, 1)?;
        check.at_least("max_failures", self.max_failures as usize, 1)?;
        check.duration("max_wait", self.max_wait)?;
        let names = self.vary.iter().map(|name| {
            name.parse().map_err(|_| {
                ConfigError::new(
                    LAYER,
                    "vary",
                    format!("has {name:?}, which is no header name: give names such as \"accept\""),
                )
            })
        });
        names.collect()
    }
}

use std::time::Duration;

use super::ConfigError;
use crate::common::clock::YEAR;

/// The checks of one layer's configuration.
#[derive(Clone, Copy)]
pub(crate) struct Check(pub(crate) &'static str);

impl Check {
    /// A share from 0 to 1.
    pub(crate) fn ratio(self, field: &'static str, value: f64) -> Result<(), ConfigError> {
        if (0.0..=1.0).contains(&value) {
            return Ok(());
        }
        Err(ConfigError::new(
            self.0,
            field,
            format!("is {value}: give a share from 0.0 to 1.0"),
        ))
    }

    /// A duration that is not zero and that tokio's timer can hold.
    pub(crate) fn duration(self, field: &'static str, value: Duration) -> Result<(), ConfigError> {
        if value.is_zero() {
            return Err(ConfigError::new(
                self.0,
                field,
                "is zero: give a time longer than that",
            ));
        }
        if value > YEAR {
            return Err(ConfigError::new(
                self.0,
                field,
                format!("is {value:?}: give at most a year, or leave it out"),
            ));
        }
        Ok(())
    }

    /// A number that must be at least `least`.
    pub(crate) fn at_least(
        self,
        field: &'static str,
        value: usize,
        least: usize,
    ) -> Result<(), ConfigError> {
        if value >= least {
            return Ok(());
        }
        Err(ConfigError::new(
            self.0,
            field,
            format!("is {value}: give at least {least}"),
        ))
    }

    /// Anything else.
    pub(crate) fn that(
        self,
        holds: bool,
        field: &'static str,
        problem: impl FnOnce() -> String,
    ) -> Result<(), ConfigError> {
        if holds {
            Ok(())
        } else {
            Err(ConfigError::new(self.0, field, problem()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_layer_field_and_remedy() {
        let error = Check("circuit_breaker")
            .ratio("failure_rate", 1.5)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "circuit_breaker: `failure_rate` is 1.5: give a share from 0.0 to 1.0"
        );
        assert!(Check("retry").ratio("budget", f64::NAN).is_err());
        assert!(Check("retry").duration("base", Duration::ZERO).is_err());
        assert!(Check("retry").duration("base", Duration::MAX).is_err());
    }
}

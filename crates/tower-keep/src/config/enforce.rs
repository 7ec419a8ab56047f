use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Check, ConfigError};

/// How many of the calls that a layer would turn away it does turn away, in percent.
///
/// 100, the default, is all of them. 0 is a dry run: the layer decides, counts and tells what it would
/// have done, and lets every call through. What is between is for turning a new limit on step by step.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Enforce(u8);

impl Enforce {
    /// Every refusal counts.
    pub const ALL: Self = Self(100);

    /// No refusal counts: a dry run.
    pub const DRY_RUN: Self = Self(0);

    /// So many of a hundred refusals; a configuration with more than 100 is refused.
    #[must_use]
    pub const fn percent(percent: u8) -> Self {
        Self(percent)
    }

    /// The percentage.
    #[must_use]
    pub const fn as_percent(self) -> u8 {
        self.0
    }

    /// Whether no refusal counts.
    #[must_use]
    pub const fn is_dry_run(self) -> bool {
        self.0 == 0
    }

    /// Whether this refusal counts.
    #[inline]
    pub(crate) fn applies(self) -> bool {
        self.0 >= 100 || (self.0 > 0 && fastrand::u8(..100) < self.0)
    }

    pub(crate) fn check(self, check: Check) -> Result<(), ConfigError> {
        check.that(self.0 <= 100, "enforce", || {
            format!("is {}: give a percentage from 0 to 100", self.0)
        })
    }
}

impl Default for Enforce {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Debug for Enforce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentage_is_the_share_of_refusals_that_count() {
        fastrand::seed(7);
        let applied = |enforce: Enforce| (0..10_000).filter(|_| enforce.applies()).count();
        assert_eq!(applied(Enforce::ALL), 10_000);
        assert_eq!(applied(Enforce::DRY_RUN), 0);
        assert!((2_300..2_700).contains(&applied(Enforce::percent(25))));
        assert!(Enforce::percent(101).check(Check("bulkhead")).is_err());
    }
}

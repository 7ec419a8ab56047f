use serde::{Deserialize, Serialize};

use super::{Fault, LAYER};
use crate::config::{Check, ConfigError};

/// How many calls suffer, and what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChaosConfig {
    /// Whether there is chaos at all. Default true: a layer that is made is meant; start with false to
    /// switch it on later.
    pub enabled: bool,
    /// The share of calls that get a fault, from 0.0 to 1.0. Default 0.001: one call in a thousand.
    /// Calls that ask for a fault by a [token](super::Token) do not count.
    pub rate: f64,
    /// The faults, each as likely as the others; what is listed twice is twice as likely. Default
    /// none.
    pub faults: Vec<Fault>,
    /// How many calls may suffer at once, from the fault to the end of the body. Default 10: a
    /// mistake in the rate does not become an outage.
    pub max_active: usize,
    /// Makes the choices repeatable: with the same seed the same calls, counted since the start, get
    /// the same faults. Default none: they differ each time.
    pub seed: Option<u64>,
}

impl Default for ChaosConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            rate: 0.001,
            faults: Vec::new(),
            max_active: 10,
            seed: None,
        }
    }
}

impl ChaosConfig {
    /// One fault at a rate.
    #[must_use]
    pub fn new(rate: f64, fault: Fault) -> Self {
        Self {
            rate,
            faults: vec![fault],
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.ratio("rate", self.rate)?;
        let problem = self.faults.iter().find_map(Fault::problem);
        check.that(problem.is_none(), "faults", || problem.unwrap_or_default())
    }
}

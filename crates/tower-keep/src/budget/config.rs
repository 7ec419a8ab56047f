use serde::{Deserialize, Serialize};

use crate::config::{Check, ConfigError};

/// How many retries the calls may cause.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// Retries for each call, in steps of a thousandth. Default 0.2: a service that is down sees at
    /// most a fifth more than its usual load. Up to 1000.
    pub ratio: f64,
    /// Retries a second that are always allowed, and ten times as many at the start: for services with few
    /// calls, which earn none. Default 10, as Finagle, linkerd and tower have it.
    ///
    /// It is for each budget, and up to 50 calls a second it is more than the ratio allows: ten clients with
    /// 14 calls a second each make 1.9 calls of each in a brown-out with 10, and 1.3 with 1, if no breaker
    /// stops them (`cargo bench --bench outcomes` takes 1). Of hundreds of clients with a call a second each,
    /// any floor is no budget at all: give 0 there.
    pub floor: u32,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            ratio: 0.2,
            floor: 10,
        }
    }
}

impl BudgetConfig {
    /// `owner` is whose configuration it is.
    pub(crate) fn check(&self, owner: &'static str) -> Result<(), ConfigError> {
        let check = Check(owner);
        check.that((0.0..=1000.0).contains(&self.ratio), "budget.ratio", || {
            format!(
                "is {}: give retries per call, from 0.0 to 1000.0",
                self.ratio
            )
        })?;
        check.that(self.floor <= 10_000, "budget.floor", || {
            format!("is {}: give at most 10000 retries a second", self.floor)
        })
    }
}

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError};

/// How much is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionConfig {
    /// Whether calls are recorded. Default true.
    pub enabled: bool,
    /// How many entries the record of one call holds; what does not fit is counted. Default 64: more
    /// than three attempts through six layers make.
    pub max_entries: usize,
}

impl DecisionConfig {
    pub(super) fn check(self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.at_least("max_entries", self.max_entries, 1)?;
        check.that(self.max_entries <= MOST, "max_entries", || {
            format!("is {}: give at most {MOST}", self.max_entries)
        })
    }
}

/// Enough for anybody, and little enough for a record not to be a leak.
const MOST: usize = 4096;

impl Default for DecisionConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_entries: 64,
        }
    }
}

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError};

/// How much work may go on without a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetachConfig {
    /// Whether work goes on at all. Default true; false: it is dropped with its caller, as if the
    /// layer were not there.
    pub enabled: bool,
    /// How many calls may go on at once without a caller. Default 100: more than callers that hang up
    /// by chance leave behind, and not enough to hurt when all of them do.
    pub max_detached: usize,
    /// Whether work goes on after a deadline of ours has passed, too. Default true: the answer is too
    /// late, the effect may be half there.
    pub after_deadline: bool,
}

impl Default for DetachConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_detached: 100,
            after_deadline: true,
        }
    }
}

impl DetachConfig {
    /// At most so many calls at once.
    #[must_use]
    pub fn new(max_detached: usize) -> Self {
        Self {
            max_detached,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        Check(LAYER).at_least("max_detached", self.max_detached, 1)
    }
}

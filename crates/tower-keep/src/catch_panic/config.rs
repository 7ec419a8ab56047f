use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// Whether panics are caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatchPanicConfig {
    /// Default true. If false, a panic goes on as if the layer were not there.
    pub enabled: bool,
}

impl CatchPanicConfig {
    /// Every configuration works.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "all configurations have it"
    )]
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

impl Default for CatchPanicConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

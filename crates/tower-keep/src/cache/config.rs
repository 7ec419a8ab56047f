use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::{
    common::clock::YEAR,
    config::{Check, ConfigError},
};

/// What is kept, how much of it and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Whether anything is kept and given again. Default true; false: as if the layer were not there.
    /// What is kept stays, but for what calls that change something take away.
    pub enabled: bool,
    /// Whose answers are kept. Default shared.
    pub mode: Mode,
    /// How many bytes all entries may have, with headers and keys. Default 64 MiB.
    pub max_bytes: usize,
    /// How many bytes the body of an entry may have. Default 1 MiB: a few large ones should not push
    /// out many small ones. At most a quarter of `max_bytes`.
    pub max_body: usize,
    /// How long answers stay good that do not say so, of the statuses that RFC 9110 calls cacheable.
    /// Default none: nobody said that they may be given again.
    #[serde(with = "humantime_serde")]
    pub default_ttl: Option<Duration>,
    /// For how long after that an entry may be given while it is asked about, where answers do not say.
    /// Default none.
    #[serde(with = "humantime_serde")]
    pub stale_while_revalidate: Option<Duration>,
    /// For how long after that an entry may be given if the service fails, where answers do not say.
    /// Default none.
    #[serde(with = "humantime_serde")]
    pub stale_if_error: Option<Duration>,
    /// Whether `Cache-Control` of requests counts. Default true, as HTTP has it; false keeps callers
    /// from reaching the service at will with `no-cache`.
    pub heed_requests: bool,
    /// Whether answers say what the cache did, in `Cache-Status` (RFC 9211). Default false: it is
    /// nobody's business but for debugging.
    pub cache_status: bool,
}

/// Whose answers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Those of many callers: a server's, a proxy's, a client's that works for many users.
    #[default]
    Shared,
    /// Those of one user: `private` answers and those to calls with credentials are kept as well.
    Private,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            mode: Mode::Shared,
            max_bytes: 64 * 1024 * 1024,
            max_body: 1024 * 1024,
            default_ttl: None,
            stale_while_revalidate: None,
            stale_if_error: None,
            heed_requests: true,
            cache_status: false,
        }
    }
}

impl CacheConfig {
    /// For one user.
    #[must_use]
    pub fn private() -> Self {
        Self {
            mode: Mode::Private,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.at_least("max_bytes", self.max_bytes, 4096)?;
        check.that(self.max_body <= self.max_bytes / 4, "max_body", || {
            format!(
                "is {}: give at most a quarter of `max_bytes`, {}",
                self.max_body,
                self.max_bytes / 4
            )
        })?;
        for (field, time) in [
            ("default_ttl", self.default_ttl),
            ("stale_while_revalidate", self.stale_while_revalidate),
            ("stale_if_error", self.stale_if_error),
        ] {
            check.that(time.is_none_or(|time| time <= YEAR), field, || {
                "is longer than a year: give at most that".to_owned()
            })?;
        }
        Ok(())
    }
}

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError};

/// What is answered where, how checks run, and how long a shutdown takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthConfig {
    /// Where the probes are answered.
    pub paths: Paths,
    /// The version of the service, for `/health`. Default none.
    pub version: Option<String>,
    /// The release, such as a commit, for `/health`. Default none.
    pub release_id: Option<String>,
    /// What the service is called, for `/health`. Default none.
    pub service_id: Option<String>,
    /// What the service is, for `/health`. Default none.
    pub description: Option<String>,
    /// What `/health` shows.
    pub details: Details,
    /// How checks run.
    pub check: CheckConfig,
    /// How single checks run, by name; nothing of [`check`](field@Self::check) applies to them. A name
    /// that no check has is of no effect.
    pub checks: BTreeMap<String, CheckConfig>,
    /// How the process goes.
    pub lifecycle: LifecycleConfig,
}

/// Where the probes are answered; each an absolute path, or empty to leave it to the service inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    /// Must it be restarted? Default `/livez`, as in Kubernetes' own components.
    pub live: String,
    /// May it have traffic? Default `/readyz`.
    pub ready: String,
    /// Has it started? Default `/startupz`.
    pub startup: String,
    /// How is it? Default `/health`.
    pub health: String,
}

/// How a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckConfig {
    /// From the start of one run to the start of the next. Default 10 s: a load that no database
    /// notices.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// The share of the interval that is left to chance, either way, so that replicas do not ask all
    /// at once. Default 0.1.
    pub jitter: f64,
    /// When a run that has not answered has failed. Default 2 s.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How many passes in a row turn a failing check around. Default 2, as in HAProxy: one pass may
    /// be luck.
    pub rise: u32,
    /// How many failures in a row turn a passing check around. Default 3, as in HAProxy: at the
    /// default interval, what lasts less than 20 s is left to retries.
    pub fall: u32,
}

/// How the process goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LifecycleConfig {
    /// How long it goes on accepting with readiness at 503. Default 5 s: a load balancer has to ask
    /// and to act on it. May be zero.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// When whatever still runs is cut off, counted from the signal. Default 25 s: Kubernetes kills
    /// after 30 s.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// Whether `serve` waits for you to call [`ready`](super::Lifecycle::ready), after a warm-up.
    /// Default `false`: it is ready once it accepts.
    pub ready_by_hand: bool,
}

impl HealthConfig {
    /// The defaults for a service of this name and version.
    #[must_use]
    pub fn service(id: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            service_id: Some(id.into()),
            version: Some(version.into()),
            ..Self::default()
        }
    }

    /// How the check of this name runs.
    #[must_use]
    pub fn check_named(&self, name: &str) -> CheckConfig {
        *self.checks.get(name).unwrap_or(&self.check)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.paths.check()?;
        self.check.check()?;
        for settings in self.checks.values() {
            settings.check()?;
        }
        self.lifecycle.check()
    }
}

impl Paths {
    fn check(&self) -> Result<(), ConfigError> {
        let all = [
            ("paths.live", &self.live),
            ("paths.ready", &self.ready),
            ("paths.startup", &self.startup),
            ("paths.health", &self.health),
        ];
        for (n, (field, path)) in all.into_iter().enumerate() {
            if path.is_empty() {
                continue;
            }
            let is_path = path.starts_with('/') && !path.contains(['?', '#']);
            Check(LAYER).that(is_path, field, || {
                format!("is `{path}`: give a path such as `/readyz`, or leave it empty")
            })?;
            let same = all[..n].iter().find(|(_, earlier)| *earlier == path);
            Check(LAYER).that(same.is_none(), field, || {
                format!("is `{path}`, which is taken: give each probe a path of its own")
            })?;
        }
        Ok(())
    }
}

impl CheckConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.duration("check.interval", self.interval)?;
        check.duration("check.timeout", self.timeout)?;
        check.ratio("check.jitter", self.jitter)?;
        check.at_least("check.rise", self.rise as usize, 1)?;
        check.at_least("check.fall", self.fall as usize, 1)
    }
}

impl LifecycleConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.duration("lifecycle.deadline", self.deadline)?;
        check.that(
            self.drain_delay < self.deadline,
            "lifecycle.drain_delay",
            || {
                format!(
                    "is {:?}: give less than the `deadline` of {:?}",
                    self.drain_delay, self.deadline
                )
            },
        )
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            live: "/livez".into(),
            ready: "/readyz".into(),
            startup: "/startupz".into(),
            health: "/health".into(),
        }
    }
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            jitter: 0.1,
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 3,
        }
    }
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        Self {
            drain_delay: Duration::from_secs(5),
            deadline: Duration::from_secs(25),
            ready_by_hand: false,
        }
    }
}

/// What `/health` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    /// Everything, what failing checks said included.
    #[default]
    Full,
    /// The status alone, for a port that strangers can reach.
    StatusOnly,
}

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LAYER, Mode};
use crate::{
    common::window::CountWindow,
    config::{Check, ConfigError, Enforce},
};

/// When a breaker opens, for how long, and how it comes back.
///
/// It opens on whichever comes first: [`consecutive_failures`](Self::consecutive_failures),
/// [`failure_rate`](Self::failure_rate) or [`slow_rate`](Self::slow_rate). Durations read as
/// `"250ms"`, `"10s"`.
///
/// ```
/// use std::time::Duration;
/// use tower_keep::circuit_breaker::{CircuitBreakerConfig, Window};
///
/// let config = CircuitBreakerConfig {
///     window: Window::Count(100),
///     open_for: Duration::from_secs(2),
///     ..CircuitBreakerConfig::default()
/// };
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CircuitBreakerConfig {
    /// Whether it does anything. Default true; false is [`Mode::Disabled`], unless somebody steers
    /// it by its handle.
    pub enabled: bool,
    /// How many of the calls that it would turn away it does turn away. Default all; 0 is
    /// [`Mode::ObserveOnly`]. A breaker that is forced open turns away all of them.
    pub enforce: Enforce,
    /// Which calls the rates are taken over. Default: those of the last 10 s.
    pub window: Window,
    /// Opens when at least this share of the calls in the window failed. Default 0.5: half of the
    /// answers are wrong, so the other half hardly helps. `None`: the rate does not matter.
    pub failure_rate: Option<f64>,
    /// No rate counts before this many calls are in the window. Default 20, so that a rate of a
    /// half is not two calls of bad luck.
    pub min_calls: usize,
    /// Whether the last steps of a window of time are enough to open, if they reach the rate and leave no
    /// doubt. Default true: after a good hour a window of 10 s takes 10 s to show that half of the calls
    /// fail now.
    ///
    /// Only what was well before is judged so: of the rest of the window, [`min_calls`](Self::min_calls) or
    /// more, at most a quarter of the rate failed. A service that always fails by a little less than the
    /// rate is left to the whole window, since a second of it looks like the rate now and then.
    ///
    /// There is no doubt when so many failures are a hundred thousand times as likely at the rate as at
    /// half of it, and are more than nine tenths of it. At a rate of a half that takes about 80 calls of
    /// which half failed, 27 of which three quarters did, or 20 that all did: at 100 calls a second 1.2 s,
    /// and in more than nine of ten cases less than 2 s, where half begin to fail (`cargo bench --bench outcomes`).
    /// Where fewer come, the whole window decides.
    pub early: bool,
    /// Opens when this many calls in a row failed, whatever the window holds. Default 10: a service
    /// that fails one call in five does that by chance once in ten million calls, one that is down
    /// does it with its first ten. `None`: a row does not matter.
    pub consecutive_failures: Option<u32>,
    /// A call is slow when the head of its answer takes at least this long; how long the body takes
    /// says nothing about the service. Default 5 s.
    ///
    /// The time runs from the moment that the service first has to wait, so a call that is answered at
    /// once is not slow and costs no look at the clock. What a service computes before it first waits
    /// is not counted; one that computes for long should not do so on the runtime's threads. A
    /// [permit](super::Breaker::try_acquire) counts from when it was given.
    ///
    /// A call that the caller gives up after this time counts as failed and slow, one that is given
    /// up earlier does not count. That is how a timeout outside that is not ours, such as
    /// `tokio::time::timeout`, gets noticed: keep this below it. `None`: no call is slow.
    #[serde(with = "humantime_serde::option")]
    pub slow_call: Option<Duration>,
    /// Opens when at least this share of the calls in the window was slow; slow probes then count as
    /// failed. Default `None`: being slow is not a failure, since many a service always is.
    pub slow_rate: Option<f64>,
    /// How long it stays open the first time. Default 5 s: long enough for a restart, short enough
    /// for nobody to have to do anything.
    ///
    /// Each time that it opens again before it recovered, that time doubles up to
    /// [`max_open_for`](Self::max_open_for). The real time is between half of it and all of it, at
    /// random, so that a fleet does not come back as one; and not shorter than the `Retry-After` of
    /// the answer that opened it.
    #[serde(with = "humantime_serde")]
    pub open_for: Duration,
    /// The longest it stays open, also if the service asks for more. Default 30 s: nobody should
    /// wait longer for a service that is back.
    #[serde(with = "humantime_serde")]
    pub max_open_for: Duration,
    /// After the open time, this many calls are let through to find out. Default 3: one alone may be
    /// lucky.
    pub probes: usize,
    /// Opens again when at least this share of the probes failed; closes as soon as that cannot
    /// happen any more. Default `None`: as [`failure_rate`](Self::failure_rate), or a half.
    pub probe_failure_rate: Option<f64>,
    /// A probe whose answer has not begun after this time counts as failed, so that a call that
    /// hangs for ever cannot keep the breaker half-open. Default 10 s; give more if good answers
    /// take longer.
    ///
    /// A probe whose answer has begun and still goes on then counts as what its head said.
    #[serde(with = "humantime_serde")]
    pub probe_lease: Duration,
    /// After it closes, a share of the calls that grows from a tenth to all of them over this time
    /// is let through, at random. Default 2 s: a service that has just come up has cold caches,
    /// and whoever waited comes at once; longer, and the recovery would look like an outage.
    /// [`Duration::ZERO`]: all at once.
    #[serde(with = "humantime_serde")]
    pub ramp: Duration,
}

/// Which calls the rates of a breaker are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Window {
    /// The last so many calls, however long ago; 1 to 1024.
    Count(usize),
    /// The calls of the last so long, in ten steps of whole milliseconds: the edge is exact to a
    /// tenth. From 10 ms to a day. Of each processor core a step counts up to 262,143 calls, and takes
    /// them as a sample of the rest.
    Time(#[serde(with = "humantime_serde")] Duration),
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            enforce: Enforce::ALL,
            window: Window::Time(Duration::from_secs(10)),
            failure_rate: Some(0.5),
            min_calls: 20,
            early: true,
            consecutive_failures: Some(10),
            slow_call: Some(Duration::from_secs(5)),
            slow_rate: None,
            open_for: Duration::from_secs(5),
            max_open_for: Duration::from_secs(30),
            probes: 3,
            probe_failure_rate: None,
            probe_lease: Duration::from_secs(10),
            ramp: Duration::from_secs(2),
        }
    }
}

impl CircuitBreakerConfig {
    /// For a client with few calls, about one a second: opens after 3 failures in a row for 1 to 2 s, tries
    /// again with a single call, and lets all through once that succeeds.
    ///
    /// Ten failures in a row would take such a client longer than most trouble lasts. And where one call in
    /// five fails, three in a row are bad luck once in 150 calls, which costs it the call or two that come
    /// until it tries again. For a client with many calls a second that would be too often.
    #[must_use]
    pub fn light_traffic() -> Self {
        Self {
            failure_rate: None,
            consecutive_failures: Some(3),
            open_for: Duration::from_secs(2),
            max_open_for: Duration::from_secs(2),
            probes: 1,
            ramp: Duration::ZERO,
            ..Self::default()
        }
    }

    /// For services that slow down before they fail: opens as well when half of the calls take
    /// `slow_call` or longer.
    #[must_use]
    pub fn brownout(slow_call: Duration) -> Self {
        Self {
            slow_call: Some(slow_call),
            slow_rate: Some(0.5),
            ..Self::default()
        }
    }

    /// For services that one can do without: opens when a quarter of the calls fails, and waits
    /// longer before each new try.
    #[must_use]
    pub fn optional_service() -> Self {
        Self {
            failure_rate: Some(0.25),
            open_for: Duration::from_secs(10),
            max_open_for: Duration::from_secs(120),
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        self.enforce.check(check)?;
        self.check_window()?;
        self.check_rules()?;
        check.duration("open_for", self.open_for)?;
        check.duration("max_open_for", self.max_open_for)?;
        check.that(self.max_open_for >= self.open_for, "max_open_for", || {
            format!(
                "is {:?}, shorter than `open_for`: give at least {:?}",
                self.max_open_for, self.open_for
            )
        })?;
        check.at_least("probes", self.probes, 1)?;
        rate("probe_failure_rate", self.probe_failure_rate)?;
        check.duration("probe_lease", self.probe_lease)?;
        if !self.ramp.is_zero() {
            check.duration("ramp", self.ramp)?;
        }
        Ok(())
    }

    fn check_window(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.at_least("min_calls", self.min_calls, 1)?;
        match self.window {
            Window::Count(len) => {
                let most = CountWindow::MAX_LEN;
                check.that((1..=most).contains(&len), "window", || {
                    format!("holds {len} calls: give 1 to {most}, or a window of time")
                })?;
                check.that(self.min_calls <= len, "min_calls", || {
                    format!(
                        "is {}, but `window` never holds more than {len} calls: \
                         give at most {len}, or a longer window",
                        self.min_calls
                    )
                })
            }
            Window::Time(time) => check.that(
                (SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&time),
                "window",
                || format!("is {time:?}: give 10 ms to a day"),
            ),
        }
    }

    fn check_rules(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        rate("failure_rate", self.failure_rate)?;
        rate("slow_rate", self.slow_rate)?;
        if let Some(0) = self.consecutive_failures {
            check.at_least("consecutive_failures", 0, 1)?;
        }
        if let Some(slow_call) = self.slow_call {
            check.duration("slow_call", slow_call)?;
        }
        check.that(
            self.slow_rate.is_none() || self.slow_call.is_some(),
            "slow_call",
            || "is missing, so `slow_rate` never applies: say what is slow".to_owned(),
        )?;
        check.that(
            self.failure_rate.is_some()
                || self.slow_rate.is_some()
                || self.consecutive_failures.is_some(),
            "failure_rate",
            || {
                "is missing, as are `slow_rate` and `consecutive_failures`, so nothing opens the \
                 breaker: give one, or call `force_closed` on its handle for a mere switch"
                    .to_owned()
            },
        )
    }

    /// Who decides, if a person asks for `asked`: what is configured counts where nobody steers.
    pub(super) fn mode(&self, asked: Mode) -> Mode {
        match asked {
            Mode::Auto if !self.enabled => Mode::Disabled,
            Mode::Auto if self.enforce.is_dry_run() => Mode::ObserveOnly,
            _ => asked,
        }
    }

    /// How many refusals count in this mode.
    pub(super) fn enforced(&self, mode: Mode) -> Enforce {
        match mode {
            Mode::Auto => self.enforce,
            Mode::ObserveOnly => Enforce::DRY_RUN,
            Mode::Disabled | Mode::ForcedClosed | Mode::ForcedOpen => Enforce::ALL,
        }
    }

    /// The share of failed probes that opens the breaker again.
    pub(super) fn probe_rate(&self) -> f64 {
        self.probe_failure_rate.or(self.failure_rate).unwrap_or(0.5)
    }
}

/// A share that something can reach and that nothing reaches already.
fn rate(field: &'static str, rate: Option<f64>) -> Result<(), ConfigError> {
    let Some(rate) = rate else { return Ok(()) };
    Check(LAYER).ratio(field, rate)?;
    Check(LAYER).that(rate > 0.0, field, || {
        "is 0, which no call at all reaches too: give a share above it, or leave it out".to_owned()
    })
}

/// A tick of a millisecond for each tenth.
const SHORTEST_WINDOW: Duration = Duration::from_millis(10);
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

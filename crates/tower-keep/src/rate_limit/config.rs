use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};

use super::{LAYER, Learn, Rate};
use crate::{
    common::clock::YEAR,
    config::{self, Check, ConfigError, Enforce},
};

/// The most limits that one layer has: requests and tokens, by the minute and by the day.
pub const MAX_LIMITS: usize = 4;

/// How many calls may start in a time, and what happens to the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitConfig {
    /// Whether the layer does anything; `false` lets every call pass. Default `true`.
    #[serde(default = "config::on")]
    pub enabled: bool,
    /// The limits, at most [`MAX_LIMITS`]; a call must fit into all of them, and takes nothing from any
    /// if it does not.
    pub limits: Vec<Limit>,
    /// How long a call may wait for its permits, at most until its deadline. Default 0: what does not fit
    /// is refused at once. A call whose wait would be longer is refused at once too, since the wait is
    /// known when it arrives.
    #[serde(default, with = "humantime_serde")]
    pub max_wait: Duration,
    /// How many of the refusals and waits are carried out, in percent. Default 100.
    #[serde(default)]
    pub enforce: Enforce,
    /// The part of every limit that is ours, above 0 and at most 1. Default 1. With `n` replicas behind
    /// an even load balancer, `1/n` makes the limits hold for all of them together; change it with
    /// [`RateLimitHandle::set_share`](super::RateLimitHandle::set_share) as replicas come and go.
    #[serde(default = "whole")]
    pub share: f64,
    /// How long it takes from the first call until the full rate is given: it grows evenly from a third.
    /// Default: no time. For a service behind whose caches and pools are cold at the start.
    #[serde(default, with = "humantime_serde::option")]
    pub warm_up: Option<Duration>,
    /// Whether answers of the service behind that say "too many" or "none left until then" (429,
    /// `RESOURCE_EXHAUSTED`, `Retry-After`, `RateLimit` and their kin) hold every call back until then,
    /// with an empty bucket. Default `false`: a server's handlers are not a limit. For clients.
    #[serde(default)]
    pub follow_hints: bool,
    /// Whether the rate falls when the service behind says "too many", and rises again while it does not.
    /// Default: it does not. For clients of a service whose limit is unknown or shared.
    #[serde(default)]
    pub learn: Option<Learn>,
    /// Whether a call that a layer inside turned away unexecuted gets its permits back. Default `false`:
    /// a call that was let in counts, or a flood would not count while a bulkhead inside is full. For
    /// clients that pay for what they send.
    #[serde(default)]
    pub refund_refused: bool,
    /// Whether answers and refusals tell what is left, in `RateLimit` and `RateLimit-Policy` headers
    /// (draft-ietf-httpapi-ratelimit-headers-11). Default `false`: where callers share a limit it tells
    /// each of them what the others do and invites it to take what is left, and it costs each answer a
    /// few allocations. For limits that are one caller's own.
    #[serde(default)]
    pub headers: bool,
}

/// One of the limits of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What it is called in snapshots and headers. Default `default`.
    #[serde(default = "default_name")]
    pub name: Cow<'static, str>,
    /// How many permits in a time.
    pub rate: Rate,
    /// What takes permits. Default [`Counts::Cost`].
    #[serde(default)]
    pub counts: Counts,
    /// The unit that `RateLimit-Policy` names: `requests`, `content-bytes` or one that your clients know.
    /// Default: none, which means requests. A limit that does not count requests should have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Cow<'static, str>>,
}

/// What takes permits from a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Counts {
    /// Each call takes one, whatever it costs.
    Calls,
    /// Each call takes what it [costs](super::RateLimitLayer::cost): one if nothing is said.
    #[default]
    Cost,
}

impl Limit {
    /// A limit of what calls cost: of their number, if nothing says what they cost.
    #[must_use]
    pub const fn new(rate: Rate) -> Self {
        Self {
            name: Cow::Borrowed(DEFAULT_NAME),
            rate,
            counts: Counts::Cost,
            unit: None,
        }
    }

    /// A limit of the number of calls, beside another one of what they cost.
    #[must_use]
    pub const fn calls(rate: Rate) -> Self {
        Self {
            name: Cow::Borrowed("calls"),
            rate,
            counts: Counts::Calls,
            unit: None,
        }
    }

    /// Names it.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }
}

impl From<Rate> for Limit {
    fn from(rate: Rate) -> Self {
        Self::new(rate)
    }
}

impl RateLimitConfig {
    /// Refuses what is too much.
    #[must_use]
    pub fn new(limit: impl Into<Limit>) -> Self {
        Self {
            enabled: true,
            limits: vec![limit.into()],
            max_wait: Duration::ZERO,
            enforce: Enforce::ALL,
            share: 1.0,
            warm_up: None,
            follow_hints: false,
            learn: None,
            refund_refused: false,
            headers: false,
        }
    }

    /// Lets calls wait for up to this long, in the order in which they came.
    #[must_use]
    pub fn paced(limit: impl Into<Limit>, max_wait: Duration) -> Self {
        Self {
            max_wait,
            ..Self::new(limit)
        }
    }

    /// For a client: as [`paced`](Self::paced); follows what the service says about its own limit, and
    /// pays for nothing that was not sent.
    #[must_use]
    pub fn client(limit: impl Into<Limit>, max_wait: Duration) -> Self {
        Self {
            follow_hints: true,
            refund_refused: true,
            ..Self::paced(limit, max_wait)
        }
    }

    /// With one more limit.
    #[must_use]
    pub fn and(mut self, limit: impl Into<Limit>) -> Self {
        self.limits.push(limit.into());
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        let limits = self.limits.len();
        check.that((1..=MAX_LIMITS).contains(&limits), "limits", || {
            format!("are {limits}: give from 1 to {MAX_LIMITS}")
        })?;
        for (at, limit) in self.limits.iter().enumerate() {
            limit.rate.check()?;
            let texts = [&limit.name].into_iter().chain(&limit.unit);
            for text in texts {
                check.that(is_sendable(text), "name", || {
                    format!("is {text:?}: give printable ASCII without quotes and backslashes")
                })?;
            }
            let is_first = self.limits[..at].iter().all(|one| one.name != limit.name);
            check.that(is_first, "name", || {
                format!("is {:?} twice: give each limit its own", limit.name)
            })?;
        }
        check.that(self.max_wait <= YEAR, "max_wait", || {
            format!("is {:?}: give at most a year", self.max_wait)
        })?;
        check.that(
            (0.0..=1.0).contains(&self.share) && self.share >= 1e-6,
            "share",
            || {
                format!(
                    "is {}: give at least a millionth and at most 1.0",
                    self.share
                )
            },
        )?;
        self.warm_up
            .map_or(Ok(()), |time| check.duration("warm_up", time))?;
        self.learn.map_or(Ok(()), |learn| learn.check(check))?;
        self.enforce.check(check)
    }
}

/// Whether a text is a string of structured fields as it is (RFC 9651).
fn is_sendable(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
}

const DEFAULT_NAME: &str = "default";

fn default_name() -> Cow<'static, str> {
    Cow::Borrowed(DEFAULT_NAME)
}

fn whole() -> f64 {
    1.0
}

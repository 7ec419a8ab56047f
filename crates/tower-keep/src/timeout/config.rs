use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LAYER, Role};
use crate::config::{Check, ConfigError, Enforce};

/// How long calls may take, and who may shorten it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutConfig {
    /// Whether it does anything. Default true.
    pub enabled: bool,
    /// How many of the calls have a deadline that is kept. Default all.
    ///
    /// Of the others it is only told when they would have run out of time: they run on, and nothing
    /// inside or behind learns of a deadline.
    pub enforce: Enforce,
    /// How long a call may take, from its arrival. Default 30 s: longer than any good answer, and
    /// about as long as people and proxies wait. `None`: only deadlines from elsewhere count.
    #[serde(with = "humantime_serde::option")]
    pub timeout: Option<Duration>,
    /// Whether the deadline ends the body too. Default [`BodyDeadline::Covered`].
    pub body: BodyDeadline,
    /// How long the client of a response waits for its next frame. Default 30 s: a stream that says
    /// nothing for so long has most likely died, and streams that may be silent send keep-alives.
    /// `None`: for ever.
    #[serde(with = "humantime_serde::option")]
    pub body_idle: Option<Duration>,
    /// Whose time runs out: decides the status and the two defaults below. Default
    /// [`Role::Server`].
    pub role: Role,
    /// What `grpc-timeout` and `x-request-timeout` of a request are good for. Default: what the
    /// [role](Role) suggests.
    pub trust_headers: Option<HeaderTrust>,
    /// Whether the time that is left is written into the request's headers, for the service behind.
    /// Default: what the [role](Role) suggests.
    ///
    /// Exactly what is left, with no margin for the way: our own timer ends the call in time, whatever
    /// the service does. A shorter time that the request says already is kept.
    pub propagate: Option<bool>,
}

/// Whether a deadline ends the body of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BodyDeadline {
    /// The deadline holds until the last frame.
    #[default]
    Covered,
    /// The configured timeout holds until the head. A deadline that the request itself came with, in
    /// a header or as an extension, still holds until the last frame.
    HeadOnly,
}

/// What the deadline in a request's headers is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HeaderTrust {
    /// It shortens ours, and when it passes the service has failed, as with a deadline of our own: a
    /// circuit breaker inside counts it. For callers that are known.
    Full,
    /// Nothing: it is not read.
    None,
    /// It shortens ours, and when it passes the caller has given up: that says nothing about the
    /// service. Or strangers who wait for next to no time could open the breakers inside.
    Shorten,
}

impl TimeoutConfig {
    /// Answers of a known, small size: 30 s for all of it. The default.
    #[must_use]
    pub const fn api() -> Self {
        Self {
            enabled: true,
            enforce: Enforce::ALL,
            timeout: Some(Duration::from_secs(30)),
            body: BodyDeadline::Covered,
            body_idle: Some(Duration::from_secs(30)),
            role: Role::Server,
            trust_headers: None,
            propagate: None,
        }
    }

    /// Answers without an end, such as server-sent events and downloads: 30 s for the head and for
    /// each frame.
    #[must_use]
    pub const fn streaming() -> Self {
        Self {
            body: BodyDeadline::HeadOnly,
            ..Self::api()
        }
    }

    /// Requests with large bodies: ten minutes until the head, because the client's line decides how
    /// long it takes; 30 s for each frame of the answer. A [`RequestBodyTimeoutLayer`] finds the
    /// clients that stopped sending.
    ///
    /// [`RequestBodyTimeoutLayer`]: super::RequestBodyTimeoutLayer
    #[must_use]
    pub const fn upload() -> Self {
        Self {
            timeout: Some(Duration::from_secs(600)),
            ..Self::streaming()
        }
    }

    /// [`api`](Self::api) for a proxy: 504, deadline passed on.
    #[must_use]
    pub const fn gateway() -> Self {
        Self {
            role: Role::Gateway,
            ..Self::api()
        }
    }

    /// One attempt of a client's call: this long, with what is left written into the request.
    #[must_use]
    pub const fn attempt(timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            role: Role::Client,
            ..Self::api()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.enforce.check(Check(LAYER))?;
        for (field, value) in [("timeout", self.timeout), ("body_idle", self.body_idle)] {
            value.map_or(Ok(()), |value| Check(LAYER).duration(field, value))?;
        }
        Ok(())
    }

    /// Whether every call has a deadline that is kept, which is the usual case.
    pub(super) fn always_acts(&self) -> bool {
        self.enabled && self.enforce == Enforce::ALL
    }

    pub(super) fn header_trust(&self) -> HeaderTrust {
        self.trust_headers
            .unwrap_or_else(|| self.role.header_trust())
    }

    pub(super) fn propagates(&self) -> bool {
        self.propagate.unwrap_or_else(|| self.role.propagates())
    }
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        Self::api()
    }
}

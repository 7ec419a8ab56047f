use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::HeaderTrust;

/// Whose time runs out, from the view of whoever reads the status. gRPC always answers
/// `DEADLINE_EXCEEDED`.
///
/// | role | status | [trusts headers] | [propagates] |
/// |---|---|---|---|
/// | `Server` | 503 | to shorten: anybody may call it | no: calls made by handlers find the deadline in the task |
/// | `Gateway` | 504 | to shorten: anybody may call it | yes |
/// | `Client` | 504 | fully: they are our own | yes |
///
/// [trusts headers]: super::TimeoutConfig::trust_headers
/// [propagates]: super::TimeoutConfig::propagate
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// We are the origin of the answer and did not get it done.
    #[default]
    Server,
    /// We pass calls on, and the service behind us did not get it done.
    Gateway,
    /// We make calls, and the service we called did not get it done.
    Client,
}

impl Role {
    /// The HTTP status of a call that ran out of time.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Server => StatusCode::SERVICE_UNAVAILABLE,
            Self::Gateway | Self::Client => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    pub(super) const fn header_trust(self) -> HeaderTrust {
        match self {
            Self::Server | Self::Gateway => HeaderTrust::Shorten,
            Self::Client => HeaderTrust::Full,
        }
    }

    pub(super) const fn propagates(self) -> bool {
        matches!(self, Self::Gateway | Self::Client)
    }
}

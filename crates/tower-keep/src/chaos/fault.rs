use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// What is done to a call.
///
/// In a header or on a command line it is written `latency=250ms`, `status=503`, `error`,
/// `truncate=100`, `drip=1024`, `reset=0` or `missing_trailers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// The call starts later, by a time between the two.
    Latency {
        /// At least this much later.
        #[serde(with = "humantime_serde")]
        min: Duration,
        /// At most this much later.
        #[serde(with = "humantime_serde")]
        max: Duration,
    },
    /// The service is not asked; the answer is this HTTP status, or the gRPC status that stands for
    /// it. A service that is neither gets an error.
    Status(u16),
    /// The service is not asked; the answer is an error where the service has one to give, and a 500
    /// on HTTP.
    Error,
    /// The body of the answer ends after so many bytes, as if that were all.
    Truncate(u64),
    /// The body of the answer comes at so many bytes a second.
    Drip(u64),
    /// The body of the answer breaks off with an error after so many bytes.
    Reset(u64),
    /// The trailers of the answer are left out, and with them gRPC's status.
    MissingTrailers,
}

impl Fault {
    /// The call starts later, by a time within `range`.
    #[must_use]
    pub const fn latency(range: RangeInclusive<Duration>) -> Self {
        Self::Latency {
            min: *range.start(),
            max: *range.end(),
        }
    }

    /// The fault as one word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Status(_) => "status",
            Self::Error => "error",
            Self::Truncate(_) => "truncate",
            Self::Drip(_) => "drip",
            Self::Reset(_) => "reset",
            Self::MissingTrailers => "missing_trailers",
        }
    }

    /// What cannot work about it.
    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Latency { min, max } if min > max => Some(format!(
                "has a latency from {min:?} to {max:?}: swap the two"
            )),
            Self::Latency { max, .. } if *max > MAX_LATENCY => Some(format!(
                "has a latency of {max:?}: give at most {MAX_LATENCY:?}"
            )),
            Self::Status(status) if !(200..600).contains(status) => {
                Some(format!("has the status {status}: give one from 200 to 599"))
            }
            Self::Drip(0) => Some("drips no bytes a second: give at least 1".to_owned()),
            _ => None,
        }
    }
}

/// Longer than anybody waits.
const MAX_LATENCY: Duration = Duration::from_secs(3600);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Latency { max, .. } => write!(f, "={}ms", max.as_millis()),
            Self::Status(number) => write!(f, "={number}"),
            Self::Truncate(bytes) | Self::Drip(bytes) | Self::Reset(bytes) => {
                write!(f, "={bytes}")
            }
            Self::Error | Self::MissingTrailers => Ok(()),
        }
    }
}

impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let (word, value) = text.split_once('=').unwrap_or((text, ""));
        let number = || value.parse().map_err(|_| InvalidFault);
        let fault = match word {
            "latency" => {
                let millis = value.strip_suffix("ms").ok_or(InvalidFault)?;
                let latency = Duration::from_millis(millis.parse().map_err(|_| InvalidFault)?);
                Self::latency(latency..=latency)
            }
            "status" => Self::Status(value.parse().map_err(|_| InvalidFault)?),
            "truncate" => Self::Truncate(number()?),
            "drip" => Self::Drip(number()?),
            "reset" => Self::Reset(number()?),
            "error" if value.is_empty() => Self::Error,
            "missing_trailers" if value.is_empty() => Self::MissingTrailers,
            _ => return Err(InvalidFault),
        };
        match fault.problem() {
            None => Ok(fault),
            Some(_) => Err(InvalidFault),
        }
    }
}

/// What was written is not a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidFault;

impl fmt::Display for InvalidFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a fault: write latency=250ms, status=503, error, truncate=100, drip=1024, reset=0 \
             or missing_trailers",
        )
    }
}

impl std::error::Error for InvalidFault {}

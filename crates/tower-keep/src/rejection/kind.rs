use std::{fmt, time::Duration};

use http::StatusCode;

use crate::classify::GrpcCode;

/// Why a call was turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// As many calls as allowed are running, and as many as allowed are waiting.
    BulkheadFull {
        /// How many may run at once.
        limit: usize,
    },
    /// The circuit breaker is open, or is letting only some calls through after it was.
    CircuitOpen,
    /// The deadline had passed before the call could start.
    DeadlineExpired,
    /// The deadline passed while the call was running: it may have had an effect.
    DeadlineExceeded {
        /// What the call was doing.
        phase: Phase,
        /// How long that was allowed to take.
        after: Duration,
    },
    /// The call waited in a queue for as long as it may.
    QueueTimeout {
        /// How long it waited.
        waited: Duration,
    },
    /// The service is about to stop.
    ShuttingDown,
}

/// What a call was doing when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Receiving the request's body from a client that sends too slowly.
    RequestBody,
    /// Waiting for the head of the response.
    Head,
    /// Passing on the body of the response.
    Body,
    /// Waiting for the next frame of the response's body.
    BodyIdle,
}

impl Kind {
    /// The kind as one word, for metrics and problem types.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::BulkheadFull { .. } => "bulkhead_full",
            Self::CircuitOpen => "circuit_open",
            Self::DeadlineExpired => "deadline_expired",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::QueueTimeout { .. } => "queue_timeout",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// The status where nothing else decides: 408 if the client was too slow, 504 if a call ran out
    /// of time, 503 if we cannot take it.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::DeadlineExceeded {
                phase: Phase::RequestBody,
                ..
            } => StatusCode::REQUEST_TIMEOUT,
            Self::DeadlineExpired | Self::DeadlineExceeded { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::BulkheadFull { .. }
            | Self::CircuitOpen
            | Self::QueueTimeout { .. }
            | Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn grpc_code(&self) -> GrpcCode {
        match self {
            Self::BulkheadFull { .. } | Self::QueueTimeout { .. } => GrpcCode::ResourceExhausted,
            Self::CircuitOpen | Self::ShuttingDown => GrpcCode::Unavailable,
            Self::DeadlineExpired | Self::DeadlineExceeded { .. } => GrpcCode::DeadlineExceeded,
        }
    }

    pub(crate) fn is_unexecuted(&self) -> bool {
        !matches!(self, Self::DeadlineExceeded { .. })
    }

    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::BulkheadFull { .. } => "Too many calls at once",
            Self::CircuitOpen => "Circuit open",
            Self::DeadlineExpired => "Deadline already passed",
            Self::DeadlineExceeded { .. } => "Deadline exceeded",
            Self::QueueTimeout { .. } => "Waited too long",
            Self::ShuttingDown => "Shutting down",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BulkheadFull { limit } => write!(f, "all {limit} places are taken"),
            Self::CircuitOpen => f.write_str("the circuit is open"),
            Self::DeadlineExpired => f.write_str("the deadline had passed on arrival"),
            Self::DeadlineExceeded { phase, after } => write!(f, "no {phase} within {after:?}"),
            Self::QueueTimeout { waited } => write!(f, "no place became free within {waited:?}"),
            Self::ShuttingDown => f.write_str("the service is shutting down"),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestBody => "complete request",
            Self::Head => "response",
            Self::Body => "end of the response",
            Self::BodyIdle => "further frame of the response",
        })
    }
}

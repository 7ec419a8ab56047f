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
    /// As many calls are running as a limit allows that follows what the service can take.
    ConcurrencyLimited {
        /// How many may run at once, for now.
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
    /// A fault was injected on purpose.
    FaultInjected,
    /// The same idempotency key is being worked on by another call.
    IdempotencyConflict,
    /// The call needs an idempotency key and has none, or one that is not well formed.
    IdempotencyKey {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The idempotency key was used before for another request.
    IdempotencyMismatch,
    /// There is nobody to send the call to.
    NoEndpoint,
    /// There is more work than can be done in time, and this call matters less than others.
    Overloaded {
        /// What shows it.
        reason: &'static str,
    },
    /// The service panicked: the call may have had an effect.
    Panicked,
    /// The call waited in a queue for as long as it may.
    QueueTimeout {
        /// How long it waited.
        waited: Duration,
    },
    /// More calls came in a time than may.
    RateLimited,
    /// The service is about to stop.
    ShuttingDown,
    /// The service turns so many calls away that this one was not even sent.
    Throttled,
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
            Self::ConcurrencyLimited { .. } => "concurrency_limited",
            Self::DeadlineExpired => "deadline_expired",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::FaultInjected => "fault_injected",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::IdempotencyKey { .. } => "idempotency_key",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::NoEndpoint => "no_endpoint",
            Self::Overloaded { .. } => "overloaded",
            Self::Panicked => "panicked",
            Self::QueueTimeout { .. } => "queue_timeout",
            Self::RateLimited => "rate_limited",
            Self::ShuttingDown => "shutting_down",
            Self::Throttled => "throttled",
        }
    }

    /// The status where nothing else decides: 504 if a call ran out of time, 503 if we cannot take
    /// it, 4xx if the caller can do something about it, 500 for what should not have happened.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::DeadlineExceeded {
                phase: Phase::RequestBody,
                ..
            } => StatusCode::REQUEST_TIMEOUT,
            Self::DeadlineExpired | Self::DeadlineExceeded { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::FaultInjected | Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::IdempotencyConflict => StatusCode::CONFLICT,
            Self::IdempotencyKey { .. } => StatusCode::BAD_REQUEST,
            Self::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::BulkheadFull { .. }
            | Self::CircuitOpen
            | Self::ConcurrencyLimited { .. }
            | Self::NoEndpoint
            | Self::Overloaded { .. }
            | Self::QueueTimeout { .. }
            | Self::ShuttingDown
            | Self::Throttled => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn grpc_code(&self) -> GrpcCode {
        match self {
            Self::BulkheadFull { .. }
            | Self::ConcurrencyLimited { .. }
            | Self::Overloaded { .. }
            | Self::QueueTimeout { .. }
            | Self::RateLimited
            | Self::Throttled => GrpcCode::ResourceExhausted,
            Self::CircuitOpen | Self::NoEndpoint | Self::ShuttingDown => GrpcCode::Unavailable,
            Self::FaultInjected | Self::Panicked => GrpcCode::Internal,
            Self::IdempotencyConflict => GrpcCode::Aborted,
            Self::IdempotencyKey { .. } | Self::IdempotencyMismatch => GrpcCode::InvalidArgument,
            Self::DeadlineExpired | Self::DeadlineExceeded { .. } => GrpcCode::DeadlineExceeded,
        }
    }

    pub(crate) fn is_unexecuted(&self) -> bool {
        !matches!(
            self,
            Self::DeadlineExceeded { .. } | Self::FaultInjected | Self::Panicked
        )
    }

    /// Whether the same call may go better if it is made again, and was `retried` before or not.
    pub(crate) fn may_retry(&self, retried: bool) -> bool {
        match self {
            // The deadline, the key and the service that is to be spared stay the same.
            Self::DeadlineExpired
            | Self::IdempotencyKey { .. }
            | Self::IdempotencyMismatch
            | Self::Throttled => false,
            // More of the same would not help.
            Self::BulkheadFull { .. }
            | Self::CircuitOpen
            | Self::ConcurrencyLimited { .. }
            | Self::NoEndpoint
            | Self::Overloaded { .. }
            | Self::QueueTimeout { .. } => !retried,
            Self::DeadlineExceeded { .. }
            | Self::FaultInjected
            | Self::IdempotencyConflict
            | Self::Panicked
            | Self::RateLimited
            | Self::ShuttingDown => true,
        }
    }

    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::BulkheadFull { .. } | Self::ConcurrencyLimited { .. } => "Too many calls at once",
            Self::CircuitOpen => "Circuit open",
            Self::DeadlineExpired => "Deadline already passed",
            Self::DeadlineExceeded { .. } => "Deadline exceeded",
            Self::FaultInjected => "Fault injected",
            Self::IdempotencyConflict => "Request in progress",
            Self::IdempotencyKey { .. } => "Idempotency key needed",
            Self::IdempotencyMismatch => "Idempotency key used before",
            Self::NoEndpoint => "Nobody to ask",
            Self::Overloaded { .. } => "Overloaded",
            Self::Panicked => "Internal error",
            Self::QueueTimeout { .. } => "Waited too long",
            Self::RateLimited => "Too many calls",
            Self::ShuttingDown => "Shutting down",
            Self::Throttled => "Held back",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BulkheadFull { limit } => write!(f, "all {limit} places are taken"),
            Self::CircuitOpen => f.write_str("the circuit is open"),
            Self::ConcurrencyLimited { limit } => {
                write!(
                    f,
                    "all {limit} places are taken, as many as the service can take now"
                )
            }
            Self::DeadlineExpired => f.write_str("the deadline had passed on arrival"),
            Self::DeadlineExceeded { phase, after } => write!(f, "no {phase} within {after:?}"),
            Self::QueueTimeout { waited } => write!(f, "no place became free within {waited:?}"),
            Self::FaultInjected => f.write_str("a fault was injected on purpose"),
            Self::IdempotencyConflict => {
                f.write_str("a request with this idempotency key is still being worked on")
            }
            Self::IdempotencyKey { problem } => write!(f, "the idempotency key {problem}"),
            Self::IdempotencyMismatch => {
                f.write_str("this idempotency key was used for another request: take a new one")
            }
            Self::NoEndpoint => f.write_str("no endpoint can take the call"),
            Self::Overloaded { reason } => {
                write!(f, "{reason}, and calls that matter more go first")
            }
            Self::Panicked => f.write_str("the service panicked"),
            Self::RateLimited => f.write_str("the rate is exceeded"),
            Self::ShuttingDown => f.write_str("the service is shutting down"),
            Self::Throttled => {
                f.write_str("the service turns most calls away, this one was not sent")
            }
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

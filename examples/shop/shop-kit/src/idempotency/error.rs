use std::time::Duration;

use http::StatusCode;
use tower_keep_durable::idempotency::KeyError;

use crate::problem::Problem;

/// Why a key does not let its request through, as HTTP says it.
impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let conflict = |kind, error: KeyError| {
            Self::new(StatusCode::CONFLICT, kind, error.to_string()).field("Idempotency-Key")
        };
        match error {
            KeyError::Conflict => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "this Idempotency-Key was used for a request with another payload",
            )
            .field("Idempotency-Key")
            .remedy("send a fresh key with the new payload"),
            KeyError::Running { retry_after } => conflict("request-in-progress", error)
                .remedy("repeat the request after the Retry-After seconds")
                .retry_after(retry_after.min(LONGEST_WAIT)),
            KeyError::TakenOver => conflict("request-in-progress", error)
                .remedy("repeat the request after the Retry-After seconds")
                .retry_after(LONGEST_WAIT),
            KeyError::Cancelled => {
                conflict("request-cancelled", error).remedy("send a fresh key with a new request")
            }
            KeyError::Executed => conflict("answer-lost", error).remedy("look at what it made"),
            KeyError::Database(error) => error.into(),
        }
    }
}

/// A lease may be longer than the work under it takes.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

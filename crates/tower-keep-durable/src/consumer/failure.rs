use std::{error::Error, time::Duration};

use tower_keep::{
    classify::{Retry, Verdict},
    rejection::Rejection,
};

use crate::{BoxError, event::InvalidEvent, inbox::HandlerError};

/// What a failed try means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It will never work.
    Poison(String),
    /// A layer turned it away: nothing was done.
    NotSent {
        reason: String,
        after: Option<Duration>,
    },
    /// It may work later.
    Transient {
        reason: String,
        after: Option<Duration>,
    },
}

impl Failure {
    pub(super) fn of(error: &BoxError) -> Self {
        let error: &(dyn Error + 'static) = &**error;
        let reason = error.to_string();
        if is_poison(error) {
            return Self::Poison(reason);
        }
        match (Rejection::find(error), HandlerError::find(error)) {
            (Some(rejection), _) if rejection.is_unexecuted() => Self::NotSent {
                reason,
                after: rejection.retry_after(),
            },
            (_, Some(HandlerError::Transient { after, .. })) => Self::Transient {
                reason,
                after: *after,
            },
            _ => Self::Transient {
                reason,
                after: None,
            },
        }
    }
}

fn is_poison(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<InvalidEvent>()
            || matches!(error.downcast_ref(), Some(HandlerError::Poison(_)))
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// What an outcome of a handler says to the layers around it: poison is no failure of what the
/// handler depends on and is not tried again; anything else that fails is both.
///
/// ```
/// use tower_keep::{circuit_breaker::CircuitBreakerLayer, protocol::Plain, retry::RetryLayer};
/// use tower_keep_durable::consumer::verdict;
///
/// let breaker = CircuitBreakerLayer::new().with_protocol(Plain::new().classify(verdict));
/// # let _ = breaker;
/// ```
#[must_use]
pub fn verdict(outcome: &Result<(), BoxError>) -> Verdict {
    match outcome {
        Ok(()) => Verdict::success(),
        Err(error) => match Failure::of(error) {
            Failure::Poison(_) => Verdict::ignored(),
            // A handler is made to bear repeats: deliveries repeat anyway.
            Failure::NotSent { after, .. } | Failure::Transient { after, .. } => {
                Verdict::failure().retry(Retry::Always).retry_after(after)
            }
        },
    }
}

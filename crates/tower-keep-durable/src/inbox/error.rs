use std::{error::Error, time::Duration};

use crate::{BoxError, event::InvalidEvent};

/// Why an event was not handled, and what is to be done about it.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// It will never work: the event becomes a dead letter at once.
    #[error("it can never be handled: {0}")]
    Poison(#[source] BoxError),
    /// It may work later: it is delivered again.
    #[error("it could not be handled this time: {error}")]
    Transient {
        /// What failed.
        #[source]
        error: BoxError,
        /// How long to wait, where that is known; else the consumer's backoff says.
        after: Option<Duration>,
    },
}

impl HandlerError {
    /// It will never work.
    #[must_use]
    pub fn poison(error: impl Into<BoxError>) -> Self {
        Self::Poison(error.into())
    }

    /// It may work later.
    #[must_use]
    pub fn transient(error: impl Into<BoxError>) -> Self {
        Self::Transient {
            error: error.into(),
            after: None,
        }
    }

    /// It may work after this time.
    #[must_use]
    pub fn transient_after(error: impl Into<BoxError>, after: Duration) -> Self {
        Self::Transient {
            error: error.into(),
            after: Some(after),
        }
    }

    /// The outermost one in this error, however deeply layers have wrapped it.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl From<InvalidEvent> for HandlerError {
    fn from(error: InvalidEvent) -> Self {
        Self::poison(error)
    }
}

impl From<sqlx::Error> for HandlerError {
    fn from(error: sqlx::Error) -> Self {
        Self::transient(error)
    }
}

impl From<BoxError> for HandlerError {
    fn from(error: BoxError) -> Self {
        Self::transient(error)
    }
}

use crate::BoxError;

/// Why the bus did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// It does not answer, or not in time: try again later.
    #[error("the bus does not answer: {0}")]
    Unavailable(#[source] BoxError),
    /// It will never take this event, such as one that is too large: trying again is of no use.
    #[error("the bus refuses the event {id}: {reason}")]
    Refused {
        /// Which one.
        id: String,
        /// Why.
        reason: String,
    },
    /// The delivery was given to another member of the group meanwhile.
    #[error("the delivery was taken over by another member of the group")]
    TakenOver,
    /// The bus is set up in a way that does not fit.
    #[error("{0}")]
    Misconfigured(String),
}

impl BusError {
    /// Something between here and the bus failed.
    #[must_use]
    pub fn unavailable(error: impl Into<BoxError>) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<sqlx::Error> for BusError {
    fn from(error: sqlx::Error) -> Self {
        Self::unavailable(error)
    }
}

use crate::event::InvalidEvent;

/// The store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The stream is not where it was expected to be; nothing was appended. Load it again and decide
    /// anew: the transaction is still good.
    #[error("the stream {stream:?} is at version {actual}, which was not expected: load it again")]
    Conflict {
        /// Which stream.
        stream: String,
        /// The version it has; 0 if it has no events.
        actual: i64,
    },
    /// An event of the log could not be understood, or not be upcast.
    #[error("the event {version} of the stream {stream:?} cannot be read: {error}")]
    Invalid {
        /// Of which stream.
        stream: String,
        /// The version of the event.
        version: i64,
        /// What is wrong with it.
        error: InvalidEvent,
    },
    /// The database fails.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

use std::time::Duration;

/// Why a key does not let its request through.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its first request is still running: come back. HTTP says 409 with `Retry-After`.
    #[error("the first request with this key is still running: ask again in {retry_after:?}")]
    Running {
        /// When it makes sense to.
        retry_after: Duration,
    },
    /// It was used for a request that asked for something else. HTTP says 422.
    #[error("this key was used for another request: use a fresh key for each request")]
    Conflict,
    /// It was cancelled, before or after it was executed: it will never be executed. HTTP says 409.
    #[error("the request with this key was cancelled")]
    Cancelled,
    /// It was executed, and its answer could not be kept. HTTP says 409.
    #[error("the request with this key was executed, and its answer was not kept")]
    Executed,
    /// Another has taken over the execution, or cancelled it: what was done in this transaction must
    /// not be committed.
    #[error("this execution was taken over by another: roll back")]
    TakenOver,
    /// The database fails.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

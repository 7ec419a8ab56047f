//! The one place that asks what time it is, so that `tokio::time::pause` works on all of it.

pub(crate) use tokio::time::Instant;

/// The present, in tokio time. Works outside a runtime too.
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

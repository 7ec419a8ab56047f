use std::panic::resume_unwind;

use tokio::task::{JoinHandle, spawn_blocking};

use super::{BulkheadConfig, BulkheadHandle, BulkheadLayer};
use crate::{config::ConfigError, context::Context, rejection::Rejection};

/// Places for work that keeps a processor busy, on threads where it does not stall the runtime.
///
/// Hashing a password or rendering a report on a runtime's worker makes every other task on it wait.
/// This runs such work on tokio's blocking threads, at most so much of it at once, with the refusals
/// and the queue of a [bulkhead](super).
///
/// A closure that runs cannot be stopped: when its caller gives up, it keeps its place until it is
/// done, so there is never more of it than allowed.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_keep::BoxError> {
/// use tower_keep::bulkhead::CpuBulkhead;
///
/// let hashing = CpuBulkhead::new(2);
/// let sum = hashing.run(|| (1..=1000u64).sum::<u64>()).await?;
/// assert_eq!(sum, 500_500);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CpuBulkhead {
    handle: BulkheadHandle,
}

/// Work that a [`CpuBulkhead`] did not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CpuError {
    /// There was no place for it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The runtime is shutting down.
    #[error("the runtime is shutting down")]
    RuntimeGone,
}

impl CpuBulkhead {
    /// So much work at once, with a queue as long; one less than there are processors is a good
    /// start.
    ///
    /// # Panics
    /// If `max_concurrent` is above `u32::MAX`.
    #[must_use]
    pub fn new(max_concurrent: usize) -> Self {
        Self::from_config(BulkheadConfig::queued(max_concurrent))
            .expect("the defaults are in range and the caller keeps `max_concurrent` in range")
    }

    /// Work with a queue of your choice.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: BulkheadConfig) -> Result<Self, ConfigError> {
        let layer = BulkheadLayer::from_config(config)?.named("cpu");
        Ok(Self {
            handle: layer.handle(),
        })
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> &BulkheadHandle {
        &self.handle
    }

    /// Runs `work` on a blocking thread, in the [context](crate::context) of the caller.
    ///
    /// Dropping the future before `work` has started keeps it from starting; after that `work` goes on
    /// and its result is thrown away.
    ///
    /// # Errors
    /// If there is no place for it, or the runtime is shutting down.
    ///
    /// # Panics
    /// If `work` does: the panic goes on in the caller. Also outside a tokio runtime.
    pub async fn run<T, F>(&self, work: F) -> Result<T, CpuError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let permit = self.handle.acquire().await?;
        let context = Context::current();
        let mut task = Task(spawn_blocking(move || {
            let _permit = permit;
            match context {
                Some(context) => context.run(work),
                None => work(),
            }
        }));
        match (&mut task.0).await {
            Ok(result) => Ok(result),
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(CpuError::RuntimeGone),
        }
    }
}

/// Work that is not begun any more once its caller has given up; on work that runs it has no effect.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

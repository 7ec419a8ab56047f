//! What the parts of the kit share.

use std::{
    any::Any,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long, in tokio time, the kit waits for something that should happen at once. Under paused
/// time it passes in no time at all; a working layer never gets near it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3600);

/// Locks although a panic may have poisoned the lock: panics are what the kit provokes.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The text of a caught panic.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}

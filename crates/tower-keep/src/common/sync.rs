//! Locks that outlive the panics of others: no lock of this crate is held over code that can leave
//! half of a change behind, so what a poisoned one guards is whole.
//!
//! As with [`atomic`](super::atomic), a model checker's stand in for them here, and nowhere else.

use std::sync::PoisonError;

#[cfg(not(all(test, keep_loom)))]
pub(crate) use super::statics::{read, write};
#[cfg(all(test, keep_loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock};
#[cfg(not(all(test, keep_loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, keep_loom))]
pub(crate) fn read<T>(lock: &RwLock<T>) -> loom::sync::RwLockReadGuard<'_, T> {
    lock.read().expect("loom poisons nothing")
}

#[cfg(all(test, keep_loom))]
pub(crate) fn write<T>(lock: &RwLock<T>) -> loom::sync::RwLockWriteGuard<'_, T> {
    lock.write().expect("loom poisons nothing")
}

//! Atomics and locks of what lives as long as the process, or is told to whoever listens.
//!
//! A model checker's live for one run of a model, and each is a point where it tries every order. So
//! statics keep the real ones, and so do names and listeners, which decide nothing: they would only
//! make every model longer.

use std::sync::{PoisonError, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use std::sync::{
    RwLock,
    atomic::{
        AtomicBool, AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

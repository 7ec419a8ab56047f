//! The atomics that lock-free structures are written with: one place, so that a model checker's can
//! stand in for them.

pub(crate) use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};

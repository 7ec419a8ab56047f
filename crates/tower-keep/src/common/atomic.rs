//! The atomics of every lock-free structure: one place, so that a model checker's stand in for them.
//!
//! With `--cfg keep_loom` the tests get loom's, which run a model through every order that threads can
//! take and every value that an ordering lets them read (CONTRIBUTING.md has the command). They live
//! for one run of a model, so a static has those of [`statics`](super::statics) instead.

#[cfg(all(test, keep_loom))]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, fence,
};
#[cfg(not(all(test, keep_loom)))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, fence,
};
pub(crate) use std::sync::atomic::{
    Ordering,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
};

/// Writes one word and then looks at another, where somebody else writes the other and then looks at
/// the one: at least one of the two sees what the other wrote. Both have to come through here.
///
/// Nothing below `SeqCst` promises that, not even with acquire and release everywhere: each of the
/// two may look before its own write has got around. Both closures are given the ordering to use.
///
/// loom takes a `SeqCst` access for an `AcqRel` one; only its fences are the real ones. So a model
/// has a fence between the two, which means the same here and costs an access nothing elsewhere.
#[inline]
pub(crate) fn write_then_look<W, L>(
    write: impl FnOnce(Ordering) -> W,
    look: impl FnOnce(Ordering) -> L,
) -> (W, L) {
    let written = write(SeqCst);
    #[cfg(all(test, keep_loom))]
    fence(SeqCst);
    (written, look(SeqCst))
}

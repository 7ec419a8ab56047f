use crate::common::statics::{AtomicUsize, Relaxed};

/// What all retry layers of this process together keep of request bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayMemory {
    /// The bytes that are kept right now.
    pub used: usize,
    /// The bytes that may be kept.
    pub limit: usize,
}

/// What is kept right now, and what may be.
#[must_use]
pub fn replay_memory() -> ReplayMemory {
    ReplayMemory {
        used: USED.load(Relaxed),
        limit: LIMIT.load(Relaxed),
    }
}

/// Sets how many bytes of request bodies all retry layers of this process together may keep.
///
/// The default is 64 MiB: a thousand requests of the largest size. A request that finds no room is
/// sent once and not retried. It belongs to the process and not to a layer, since memory does; set it
/// in `main`, or at any time: what is kept already stays until its calls are over.
pub fn set_replay_memory_limit(bytes: usize) {
    LIMIT.store(bytes, Relaxed);
}

/// Counters that guard no other memory: relaxed. `USED` never exceeds the limit it was compared with,
/// because it grows by compare-and-swap.
static USED: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(64 * 1024 * 1024);

/// Bytes that are kept; given back on drop.
#[derive(Debug, Default)]
pub(super) struct Reservation(usize);

impl Reservation {
    /// Takes so many bytes more, if the process has room.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let limit = LIMIT.load(Relaxed);
        let grown = USED.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= limit)
        });
        if grown.is_ok() {
            self.0 += bytes;
        }
        grown.is_ok()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        USED.fetch_sub(self.0, Relaxed);
    }
}

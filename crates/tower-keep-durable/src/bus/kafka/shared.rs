use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::{
    sync::Notify,
    time::{Duration, Instant},
};

use super::lane::Lane;
use crate::{Event, bus::Types};

/// What the thread that reads and the member share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    lanes: Mutex<BTreeMap<i32, Lane>>,
    /// Something may be ready that was not.
    pub(super) changed: Notify,
    /// Partitions are leaving: nothing is given out meanwhile.
    handing_over: AtomicBool,
    /// The member is gone.
    stopped: AtomicBool,
    /// How often the group has given it partitions.
    pub(super) joined: AtomicU64,
    /// Why the thread has ended.
    pub(super) failed: Mutex<Option<String>>,
}

impl Shared {
    pub(super) fn lanes(&self) -> MutexGuard<'_, BTreeMap<i32, Lane>> {
        // Nothing here panics half way through a change.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is ready at or after partition `from`, or when the next may be.
    pub(super) fn take(
        &self,
        types: &Types,
        from: i32,
    ) -> Result<(i32, u64, Event, u32), Option<Instant>> {
        // Relaxed: it need only differ.
        static HOLDERS: AtomicU64 = AtomicU64::new(0);
        let holder = HOLDERS.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let mut lanes = self.lanes();
        if self.handing_over.load(Ordering::Acquire) {
            return Err(None);
        }
        for range in [from..i32::MAX, 0..from] {
            for (partition, lane) in lanes.range_mut(range) {
                if let Some((event, attempt)) = lane.take(types, holder, now) {
                    return Ok((*partition, holder, event, attempt));
                }
            }
        }
        Err(lanes.values().filter_map(Lane::ready_at).min())
    }

    /// Changes the lane that `holder` holds; false if it no longer does.
    pub(super) fn if_held(
        &self,
        partition: i32,
        holder: u64,
        change: impl FnOnce(&mut Lane),
    ) -> bool {
        let mut lanes = self.lanes();
        let lane = lanes.get_mut(&partition);
        let Some(lane) = lane.filter(|lane| lane.is_held_by(holder)) else {
            return false;
        };
        change(lane);
        drop(lanes);
        self.changed.notify_waiters();
        true
    }

    /// Gives nothing more out, and waits until what is out is done with, or for `patience`.
    pub(super) fn hand_over(&self, patience: Duration) {
        self.handing_over.store(true, Ordering::Release);
        let until = Instant::now() + patience;
        // On the thread of the reader; there is nothing to wake it when the last is done.
        while self.lanes().values().any(Lane::is_held) && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    pub(super) fn handed_over(&self) {
        self.handing_over.store(false, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(super) fn fail(&self, error: String) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.changed.notify_waiters();
    }

    pub(super) fn failure(&self) -> Option<String> {
        let failed = self.failed.lock();
        failed.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

use std::{fmt, sync::Arc, time::Duration};

use super::{
    core::Core,
    load::Latency,
    outlier::{Out, Reason, Tally},
};
use crate::common::atomic::{AcqRel, AtomicBool, AtomicU32, AtomicU64, Relaxed};

/// What is known of one endpoint. Calls read and write it without a lock.
///
/// All of it is relaxed: each word stands for itself and orders nothing. A call that chooses by a
/// word that is being changed chooses as if it had come a moment earlier.
pub(super) struct Endpoint {
    pub(super) core: Arc<Core>,
    /// Unique in the process.
    pub(super) id: u64,
    pub(super) name: String,
    is_removed: AtomicBool,
    /// Calls that count as load.
    pending: AtomicU32,
    /// [`Latency`].
    latency: AtomicU64,
    /// Until when it is avoided after a failure: milliseconds since the core was made, as are all.
    rest_until: AtomicU64,
    /// Until when it is out, plus one; 0 if it is in.
    out_until: AtomicU64,
    /// Since when it is in.
    since: AtomicU64,
    /// Calls of the interval: the good ones in the lower half.
    tally: AtomicU64,
    /// Failures in a row.
    in_a_row: AtomicU32,
    /// Failures in a row on our side.
    local_in_a_row: AtomicU32,
    calls: AtomicU64,
    failed: AtomicU64,
}

impl Endpoint {
    pub(super) fn new(core: Arc<Core>, id: u64, name: String, now: u64) -> Self {
        Self {
            core,
            id,
            name,
            is_removed: AtomicBool::new(false),
            pending: AtomicU32::new(0),
            latency: AtomicU64::new(Latency::UNKNOWN.0),
            rest_until: AtomicU64::new(0),
            out_until: AtomicU64::new(0),
            since: AtomicU64::new(now),
            tally: AtomicU64::new(0),
            in_a_row: AtomicU32::new(0),
            local_in_a_row: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    pub(super) fn remove(&self) {
        self.is_removed.store(true, Relaxed);
    }

    pub(super) fn is_removed(&self) -> bool {
        self.is_removed.load(Relaxed)
    }

    /// Whether calls may go to it; in a panic to all but those that a person has taken out.
    #[inline]
    pub(super) fn is_in(&self, panicking: bool) -> bool {
        let out = self.out_until.load(Relaxed);
        out == 0 || panicking && out != FORCED
    }

    pub(super) fn set_out(&self, out: Option<Out>, now: u64) {
        let word = match out {
            None => 0,
            Some(Out::Forced) => FORCED,
            Some(Out::Until(until)) => millis(until) + 1,
        };
        if self.out_until.swap(word, Relaxed) != 0 && word == 0 {
            // It begins anew: what it did before it was ejected is no sign of what it does now.
            self.since.store(now, Relaxed);
            self.latency.store(Latency::UNKNOWN.0, Relaxed);
            self.rest_until.store(0, Relaxed);
            self.in_a_row.store(0, Relaxed);
            self.local_in_a_row.store(0, Relaxed);
        }
    }

    pub(super) fn out_for(&self, now: u64) -> Option<Out> {
        match self.out_until.load(Relaxed) {
            0 => None,
            FORCED => Some(Out::Forced),
            word => Some(Out::Until(Duration::from_millis(
                (word - 1).saturating_sub(now),
            ))),
        }
    }

    /// A call goes to it.
    #[inline]
    pub(super) fn begin(&self) {
        self.pending.fetch_add(1, Relaxed);
        self.calls.fetch_add(1, Relaxed);
    }

    /// A call does not count as load any more.
    #[inline]
    pub(super) fn settle(&self) {
        self.pending.fetch_sub(1, Relaxed);
    }

    #[inline]
    pub(super) fn pending(&self) -> u32 {
        self.pending.load(Relaxed)
    }

    /// An answer took so long.
    #[inline]
    pub(super) fn took(&self, took: Duration, failed: bool, now: u64, decay: Duration) {
        let update = |word| {
            let next = Latency(word).after(took, failed, now, decay).0;
            (next != word).then_some(next)
        };
        let _ = self.latency.fetch_update(Relaxed, Relaxed, update);
    }

    /// The estimate of its latency in nanoseconds, if there is one.
    #[inline]
    pub(super) fn latency(&self, now: u64, decay: Duration) -> Option<f64> {
        Latency(self.latency.load(Relaxed)).at(now, decay)
    }

    /// Has it avoided for a time; the longer of two counts.
    pub(super) fn rest(&self, time: Duration, now: u64) {
        self.rest_until
            .fetch_max(now.saturating_add(millis(time)), Relaxed);
    }

    /// How much longer it is avoided.
    #[inline]
    pub(super) fn rest_left(&self, now: u64) -> Duration {
        Duration::from_millis(self.rest_until.load(Relaxed).saturating_sub(now))
    }

    /// For how long it has been in.
    #[inline]
    pub(super) fn age(&self, now: u64) -> Duration {
        Duration::from_millis(now.saturating_sub(self.since.load(Relaxed)))
    }

    #[inline]
    pub(super) fn succeeded(&self) {
        self.tally.fetch_add(1, Relaxed);
        // Mostly there is nothing to write.
        for count in [&self.in_a_row, &self.local_in_a_row] {
            if count.load(Relaxed) != 0 {
                count.store(0, Relaxed);
            }
        }
    }

    /// Answers how many that makes in a row.
    pub(super) fn failed(&self) -> u32 {
        self.failed.fetch_add(1, Relaxed);
        self.tally.fetch_add(1 << 32, Relaxed);
        self.local_in_a_row.store(0, Relaxed);
        self.in_a_row.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// The same for a failure on our side that is counted apart.
    pub(super) fn failed_locally(&self) -> u32 {
        self.failed.fetch_add(1, Relaxed);
        self.local_in_a_row.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// A row of failures was judged; the next begins.
    pub(super) fn begin_row(&self, reason: Reason) {
        match reason {
            Reason::InARow(_) => self.in_a_row.store(0, Relaxed),
            Reason::LocalInARow(_) => self.local_in_a_row.store(0, Relaxed),
            Reason::Share(_) | Reason::Below { .. } => {}
        }
    }

    /// The calls of the interval, which begins anew.
    pub(super) fn take_tally(&self) -> Tally {
        let word = self.tally.swap(0, AcqRel);
        Tally {
            good: word as u32,
            bad: (word >> 32) as u32,
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    pub(super) fn failures(&self) -> u64 {
        self.failed.load(Relaxed)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

/// Out until a person says otherwise.
const FORCED: u64 = u64::MAX;

/// Whole milliseconds, rounded up.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX / 2)
}

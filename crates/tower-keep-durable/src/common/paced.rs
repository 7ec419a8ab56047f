use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use crate::db::micros;

/// Something that is done now and then beside other work: gauges, and deleting what is old.
#[derive(Debug)]
pub(crate) struct Paced {
    next: AtomicI64,
    every: i64,
}

impl Paced {
    /// Due at once, and then each time this long has passed.
    pub(crate) fn every(every: Duration) -> Self {
        Self {
            next: AtomicI64::new(i64::MIN),
            every: micros(every),
        }
    }

    /// Whether it is time. Relaxed: doing it once too often is no harm.
    pub(crate) fn due(&self, now: i64) -> bool {
        let due = now >= self.next.load(Ordering::Relaxed);
        if due {
            self.next
                .store(now.saturating_add(self.every), Ordering::Relaxed);
        }
        due
    }

    /// There is more to do: due again at once.
    pub(crate) fn again(&self) {
        self.next.store(i64::MIN, Ordering::Relaxed);
    }
}

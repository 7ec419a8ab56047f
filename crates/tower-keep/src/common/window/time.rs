use super::{Counts, Outcome, Ring};

/// The outcomes of the last ten ticks, the present one included.
///
/// Slow calls have a [`Ring`] of their own, which only a slow call writes to.
pub(crate) struct TimeWindow {
    calls: Ring,
    slow: Ring,
}

impl TimeWindow {
    pub(crate) fn new() -> Self {
        Self {
            calls: Ring::new(),
            slow: Ring::new(),
        }
    }

    pub(crate) fn clear(&self) {
        self.calls.clear();
        self.slow.clear();
    }

    #[inline]
    pub(crate) fn record(&self, tick: u64, generation: u64, outcome: Outcome) {
        self.calls.add(tick, generation, outcome.bad);
        if outcome.slow {
            self.slow.add(tick, generation, false);
        }
    }

    pub(crate) fn counts(&self, tick: u64, generation: u64) -> Counts {
        let (total, bad) = self.calls.sum(tick, generation);
        let (slow, _) = self.slow.sum(tick, generation);
        Counts { total, bad, slow }
    }
}

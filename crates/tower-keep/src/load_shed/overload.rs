//! How much more comes than can be done: found out by what came too late, and kept as a share of calls
//! to shed on arrival, so that those that matter find a place and not a queue.

use std::time::Duration;

use crate::common::clock::Instant;

/// The share to shed, looked at once an interval.
#[derive(Debug, Default)]
pub(super) struct Overload {
    share: f64,
    /// The present interval. `None` while there is no overload.
    since: Option<Instant>,
    arrived: u32,
    started: u32,
    waited: u32,
    late: u32,
}

impl Overload {
    pub(super) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn share(&self) -> f64 {
        self.share
    }

    /// Calls have been waiting for a whole interval.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.since.is_none() {
            *self = Self {
                since: Some(now),
                ..Self::default()
            };
        }
    }

    pub(super) fn arrived(&mut self) {
        self.arrived += 1;
    }

    pub(super) fn started(&mut self) {
        self.started += 1;
    }

    pub(super) fn waited(&mut self) {
        self.waited += 1;
    }

    /// A call that was not shed on arrival had to be shed later.
    pub(super) fn late(&mut self) {
        self.late += 1;
    }

    /// At the end of an interval, finds out what the next one is to be like.
    pub(super) fn look(&mut self, now: Instant, interval: Duration) {
        let Some(since) = self.since else { return };
        let passed = now.saturating_duration_since(since).as_nanos() / interval.as_nanos().max(1);
        if passed == 0 {
            return;
        }
        let next = if self.late > 0 {
            // Those who came too late are what should have been shed besides; but not more than could
            // not be done, since some of them had come before the interval.
            let of_arrived = |calls: u32| f64::from(calls) / f64::from(self.arrived.max(1));
            let more = self.share + of_arrived(self.late);
            more.min(1.0 - of_arrived(self.started)).max(0.0)
        } else if self.waited > 0 {
            // About right. A little less finds out whether it still is.
            self.share * 0.9
        } else {
            self.share * 0.5
        };
        // Intervals in which nobody came.
        let idle = i32::try_from(passed - 1).unwrap_or(i32::MAX);
        let next = next.min(MOST) * 0.5_f64.powi(idle);
        *self = Self {
            share: if next < LEAST { 0.0 } else { next },
            since: (next >= LEAST).then_some(now),
            ..Self::default()
        };
    }
}

/// Somebody has to find out when it is over.
const MOST: f64 = 0.95;
const LEAST: f64 = 0.02;

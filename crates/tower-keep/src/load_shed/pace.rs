//! How fast the queue moves, to tell a call in advance when it would start.

use std::time::Duration;

use crate::common::clock::Instant;

/// The mean time from one start out of the queue to the next, while calls were waiting.
#[derive(Debug, Default)]
pub(super) struct Pace {
    mean: Option<Duration>,
    last: Option<Instant>,
}

impl Pace {
    /// A waiting call starts.
    pub(super) fn started(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let gap = now.saturating_duration_since(last);
            self.mean = Some(match self.mean {
                Some(mean) => mean * 7 / 8 + gap / 8,
                None => gap,
            });
        }
    }

    /// Nobody waits any more: the time until the next start says nothing.
    pub(super) fn pause(&mut self) {
        self.last = None;
    }

    /// How long a call waits that has so many before it. `None` if nothing is known, or nothing recent:
    /// an old guess must not keep out the calls that would correct it.
    pub(super) fn wait(&self, before: usize, now: Instant) -> Option<Duration> {
        let (mean, last) = (self.mean?, self.last?);
        let age = now.saturating_duration_since(last);
        if age > RECENT.max(mean * 8) {
            return None;
        }
        let places = u32::try_from(before + 1).unwrap_or(u32::MAX);
        Some(mean.saturating_mul(places).saturating_sub(age))
    }
}

const RECENT: Duration = Duration::from_millis(500);

use std::time::Duration;

use tower_keep::backoff::{Backoff, Jitter};

/// How often a step is tried while nobody knows how it went, and how long to wait in between.
///
/// A try that was [not sent](super::StepError::NotSent) does not count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// The tries, the first included. At least 1.
    pub attempts: u32,
    /// The waits between them.
    pub backoff: Backoff,
}

impl Retry {
    /// This many tries, from 200 ms apart to 5 s: for a step before the pivot, which somebody waits
    /// for. None is as good as one.
    #[must_use]
    pub const fn times(attempts: u32) -> Self {
        let attempts = if attempts == 0 { 1 } else { attempts };
        Self {
            attempts,
            backoff: waits(Duration::from_millis(200), Duration::from_secs(5)),
        }
    }

    /// No limit, from 1 s apart to 5 min: for what must happen in the end.
    #[must_use]
    pub const fn forever() -> Self {
        Self {
            attempts: u32::MAX,
            backoff: waits(Duration::from_secs(1), Duration::from_secs(300)),
        }
    }

    /// With these waits.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

/// Half of each wait is left to chance: sagas that failed together come back apart, and none at once.
const fn waits(base: Duration, max: Duration) -> Backoff {
    Backoff {
        base,
        factor: 2.0,
        max,
        jitter: Jitter::Equal,
    }
}

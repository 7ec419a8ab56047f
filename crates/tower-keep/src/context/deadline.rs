use std::time::Duration;

use tokio::{task_local, time::Instant};

use crate::common::clock;

/// When an answer stops being of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline at this moment.
    #[must_use]
    pub const fn at(moment: Instant) -> Self {
        Self(moment)
    }

    /// A deadline this long from now; a year at the most.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);
        Self(clock::now() + time.min(YEAR))
    }

    /// The moment.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// How much is left; zero once it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(clock::now())
    }

    /// Whether it has passed.
    #[must_use]
    pub fn is_past(self) -> bool {
        self.0 <= clock::now()
    }
}

task_local! {
    static DEADLINE: Deadline;
}

/// The deadline of the call that this task works on, if a timeout layer is outside.
#[must_use]
pub fn deadline() -> Option<Deadline> {
    DEADLINE.try_get().ok()
}

/// Runs `work`, in which [`deadline`] answers `deadline`, or the one outside if that is earlier.
#[cfg(any(feature = "timeout", test))]
pub(crate) fn with_deadline<R>(deadline: Deadline, work: impl FnOnce() -> R) -> R {
    let earliest = self::deadline().map_or(deadline, |outer| outer.min(deadline));
    DEADLINE.sync_scope(earliest, work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_inner_deadline_can_only_be_earlier() {
        let [soon, late] = [1, 5].map(|s| Deadline::after(Duration::from_secs(s)));
        assert_eq!(deadline(), None);
        with_deadline(soon, || {
            with_deadline(late, || assert_eq!(deadline(), Some(soon)));
            assert_eq!(soon.remaining(), Duration::from_secs(1));
        });
        assert_eq!(deadline(), None);
    }
}

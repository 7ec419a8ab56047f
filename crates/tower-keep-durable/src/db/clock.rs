use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What time rows carry: microseconds since 1970.
///
/// It is the wall clock, since processes and machines compare what they wrote. Leases and delays
/// depend on it, so the clocks of machines that share a database should agree to a fraction of the
/// shortest lease; nothing is done twice or lost where they do not, it is only done later.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still until it is [moved](Self::advance), for tests. Clones are the same
    /// clock.
    #[must_use]
    pub fn manual() -> Self {
        let start = Self::system().now();
        Self {
            manual: Some(Arc::new(AtomicI64::new(start))),
        }
    }

    /// Now, in microseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        match &self.manual {
            // Relaxed: the one value that is shared, with nothing published beside it.
            Some(now) => now.load(Ordering::Relaxed),
            None => micros(
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default(),
            ),
        }
    }

    /// Moves a manual clock.
    ///
    /// # Panics
    /// It is the machine's.
    pub fn advance(&self, by: Duration) {
        let now = self
            .manual
            .as_ref()
            .expect("only a manual clock can be moved");
        now.fetch_add(micros(by), Ordering::Relaxed);
    }
}

/// A duration in the unit of [`Clock::now`].
#[must_use]
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

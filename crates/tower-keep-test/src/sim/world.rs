use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{Random, tally::Tally};
use crate::common::lock;

/// What all parts of a running simulation share: its time, its chance, and what is counted.
#[derive(Clone, Debug)]
pub struct World(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    seed: u64,
    start: Instant,
    tally: Mutex<Tally>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Shared {
            seed,
            start: Instant::now(),
            tally: Mutex::default(),
        }))
    }

    /// The time since the simulation began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.start.elapsed()
    }

    /// Waits for this time since the simulation began.
    pub async fn sleep_until(&self, time: Duration) {
        sleep_until(self.0.start + time).await;
    }

    /// A stream of chance for a part with this name.
    #[must_use]
    pub fn random(&self, name: &str) -> Random {
        Random::named(self.0.seed, name)
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.0.tally)
    }
}

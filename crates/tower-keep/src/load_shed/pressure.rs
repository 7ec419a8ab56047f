use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::{LoadShedConfig, state::share_of};
use crate::common::{
    atomic::{AtomicU64, Relaxed},
    clock::whole_nanos,
    sync::{self, RwLock},
};

/// Something that can be used up: memory, processors, connections. Closures are pressures.
pub trait Pressure: Send + Sync {
    /// How much of it is used up, 0 to 1.
    ///
    /// Asked on the task of some call, every
    /// [`pressure_interval`](super::LoadShedConfig::pressure_interval) in which there are calls, so it
    /// must not block for long. A panic is contained, and counts as no pressure; so does what is not a
    /// number.
    fn pressure(&self) -> f64;
}

impl<F: Fn() -> f64 + Send + Sync> Pressure for F {
    fn pressure(&self) -> f64 {
        self()
    }
}

/// The inputs of a layer, and what they said last.
///
/// All atomics are relaxed: each says something by itself and orders nothing. A call that sees an old
/// reading is judged as one that came a moment earlier.
#[derive(Default)]
pub(super) struct Gauge {
    inputs: RwLock<Vec<Arc<dyn Pressure>>>,
    /// The configuration: from which pressure on, an `f64`, and how often to ask, in nanoseconds.
    from: AtomicU64,
    interval: AtomicU64,
    /// An `f64`.
    reading: AtomicU64,
    /// When to ask again, in nanoseconds since the layer was made. Whoever moves it on asks.
    next: AtomicU64,
}

impl Gauge {
    pub(super) fn add(&self, input: impl Pressure + 'static) {
        sync::write(&self.inputs).push(Arc::new(input));
        self.next.store(0, Relaxed);
    }

    pub(super) fn configure(&self, config: &LoadShedConfig) {
        self.from.store(config.pressure_from.to_bits(), Relaxed);
        let interval = whole_nanos(config.pressure_interval);
        self.interval.store(interval, Relaxed);
    }

    /// The share of calls that the greatest pressure asks to be shed; asks for that if the last reading
    /// is old.
    pub(super) fn share(&self, now: Duration) -> f64 {
        let now = whole_nanos(now);
        let next = self.next.load(Relaxed);
        let then = now.saturating_add(self.interval.load(Relaxed));
        if now >= next
            && self
                .next
                .compare_exchange(next, then, Relaxed, Relaxed)
                .is_ok()
        {
            self.ask();
        }
        share_of(self.last(), f64::from_bits(self.from.load(Relaxed)))
    }

    /// What was read last.
    pub(super) fn last(&self) -> f64 {
        f64::from_bits(self.reading.load(Relaxed))
    }

    #[cold]
    fn ask(&self) {
        // A copy, so that no lock is held while they answer.
        let inputs = sync::read(&self.inputs).clone();
        let greatest = inputs
            .iter()
            .filter_map(|input| catch_unwind(AssertUnwindSafe(|| input.pressure())).ok())
            .fold(0.0_f64, |most, pressure| most.max(pressure.clamp(0.0, 1.0)));
        self.reading.store(greatest.to_bits(), Relaxed);
    }
}

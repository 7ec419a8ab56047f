use std::time::Duration;

use super::{
    cause::Cause,
    config::{CircuitBreakerConfig, Window},
    streak::Streak,
};
use crate::common::{
    atomic::{AtomicU32, AtomicU64, AtomicUsize, Relaxed},
    clock::whole_nanos,
    window::{CountWindow, Counts, Outcome, TimeWindow, settle},
};

/// Counts the calls of a closed breaker, without a lock, and says when it is enough.
///
/// The rules are words of their own, each read by itself, so relaxed: a call that ends during an
/// update is judged by the old or the new value of each.
pub(super) struct Meter {
    /// The window's shape: `COUNT | length`, or milliseconds of a tick.
    shape: AtomicU64,
    /// Shares as the bits of an `f64`; infinity is never reached.
    failure_rate: AtomicU64,
    slow_rate: AtomicU64,
    min_calls: AtomicUsize,
    /// `u32::MAX` is never reached.
    consecutive_failures: AtomicU32,
    /// Nanoseconds, [`NEVER`] if no call is slow.
    slow_call: AtomicU64,
    windows: Windows,
}

/// What every call writes, apart from what it only reads.
#[repr(align(64))]
struct Windows {
    streak: Streak,
    time: TimeWindow,
    count: CountWindow,
}

impl Meter {
    pub(super) fn new(config: &CircuitBreakerConfig) -> Self {
        let meter = Self {
            shape: AtomicU64::new(shape(config.window)),
            failure_rate: AtomicU64::new(0),
            slow_rate: AtomicU64::new(0),
            min_calls: AtomicUsize::new(0),
            consecutive_failures: AtomicU32::new(0),
            slow_call: AtomicU64::new(0),
            windows: Windows {
                streak: Streak::new(),
                time: TimeWindow::new(),
                count: CountWindow::new(),
            },
        };
        meter.update(config);
        meter
    }

    /// Takes new rules. What was counted stays, unless the window has another shape now.
    pub(super) fn update(&self, config: &CircuitBreakerConfig) {
        let bits = |rate: Option<f64>| rate.unwrap_or(f64::INFINITY).to_bits();
        self.failure_rate.store(bits(config.failure_rate), Relaxed);
        self.slow_rate.store(bits(config.slow_rate), Relaxed);
        self.min_calls.store(config.min_calls, Relaxed);
        self.consecutive_failures
            .store(config.consecutive_failures.unwrap_or(u32::MAX), Relaxed);
        let slow_call = config.slow_call.map_or(NEVER, whole_nanos);
        self.slow_call.store(slow_call, Relaxed);
        let shape = shape(config.window);
        if self.shape.swap(shape, Relaxed) != shape {
            self.windows.time.clear();
            self.windows.count.clear();
        }
    }

    /// From how long on a call is slow.
    #[inline]
    pub(super) fn slow_call(&self) -> Option<Duration> {
        let slow_call = self.slow_call.load(Relaxed);
        (slow_call != NEVER).then(|| Duration::from_nanos(slow_call))
    }

    /// Counts a call that was good and not slow: it ends a row, and it makes no rate worse.
    #[inline]
    pub(super) fn record_good(&self, millis: u64, generation: u64) {
        self.windows.streak.end(generation);
        self.put(millis, generation, Outcome::default());
    }

    /// Counts a call that ended so many milliseconds after the breaker was made; answers why it has
    /// to open, if it has to.
    pub(super) fn record(&self, millis: u64, generation: u64, outcome: Outcome) -> Option<Cause> {
        if outcome == Outcome::default() {
            self.record_good(millis, generation);
            return None;
        }
        let in_a_row = if outcome.bad {
            self.windows.streak.lengthen(generation)
        } else {
            self.windows.streak.end(generation);
            0
        };
        self.put(millis, generation, outcome);
        settle();
        self.judge(millis, generation, in_a_row)
    }

    #[inline]
    fn put(&self, millis: u64, generation: u64, outcome: Outcome) {
        match Shape::unpack(self.shape.load(Relaxed)) {
            Shape::Count(len) => self.windows.count.record(len, generation, outcome),
            Shape::Time { tick } => self.windows.time.record(millis / tick, generation, outcome),
        }
    }

    fn judge(&self, millis: u64, generation: u64, in_a_row: u32) -> Option<Cause> {
        let enough_in_a_row = self.consecutive_failures.load(Relaxed);
        if enough_in_a_row != u32::MAX && in_a_row >= enough_in_a_row {
            return Some(Cause::InARow(in_a_row));
        }
        let (counts, window) = self.counts(millis, generation);
        let Counts { total, bad, slow } = counts;
        if total < self.min_calls.load(Relaxed) as u64 {
            return None;
        }
        let reached = |part: u64, rate: &AtomicU64| {
            part > 0 && part as f64 / total as f64 >= f64::from_bits(rate.load(Relaxed))
        };
        if reached(bad, &self.failure_rate) {
            return Some(Cause::FailureRate {
                failed: bad,
                of: total,
                window,
            });
        }
        reached(slow, &self.slow_rate).then_some(Cause::SlowRate {
            slow,
            of: total,
            window,
        })
    }

    pub(super) fn counts(&self, millis: u64, generation: u64) -> (Counts, Window) {
        match Shape::unpack(self.shape.load(Relaxed)) {
            Shape::Count(len) => (
                self.windows.count.counts(len, generation),
                Window::Count(len),
            ),
            Shape::Time { tick } => (
                self.windows.time.counts(millis / tick, generation),
                Window::Time(Duration::from_millis(tick * TimeWindow::BUCKETS)),
            ),
        }
    }

    pub(super) fn in_a_row(&self, generation: u64) -> u32 {
        self.windows.streak.count(generation)
    }

    /// Counts again what was counted before a restart; opens nothing by itself.
    pub(super) fn restore(&self, millis: u64, generation: u64, counts: Counts, in_a_row: u32) {
        for nth in 0..counts.total {
            let (bad, slow) = (nth < counts.bad, nth < counts.slow);
            self.put(millis, generation, Outcome { bad, slow });
        }
        for _ in 0..in_a_row {
            self.windows.streak.lengthen(generation);
        }
    }

    /// Forgets every call, before a new generation begins to count.
    pub(super) fn clear(&self) {
        self.windows.streak.clear();
        self.windows.time.clear();
        self.windows.count.clear();
    }
}

enum Shape {
    Count(usize),
    Time { tick: u64 },
}

impl Shape {
    #[inline]
    fn unpack(word: u64) -> Self {
        if word & COUNT == 0 {
            Self::Time { tick: word }
        } else {
            Self::Count((word & !COUNT) as usize)
        }
    }
}

fn shape(window: Window) -> u64 {
    match window {
        Window::Count(len) => COUNT | len as u64,
        Window::Time(time) => {
            let tick = Duration::from_millis(TimeWindow::BUCKETS);
            time.as_nanos().div_ceil(tick.as_nanos()) as u64
        }
    }
}

const COUNT: u64 = 1 << 63;
const NEVER: u64 = u64::MAX;

use std::time::Duration;

use super::{
    cause::Cause,
    config::{CircuitBreakerConfig, Window},
    evidence::{self, Share},
    shape::{Shape, Ticks},
    streak::Streak,
};
use crate::common::{
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Relaxed},
    clock::whole_nanos,
    stripe::Stripes,
    window::{CountWindow, Counts, Outcome, Ring, settle},
};

/// Counts the calls of a closed breaker, without a lock, and says when it is enough.
///
/// The rules are words of their own, each read by itself, so relaxed: a call that ends during an
/// update is judged by the old or the new value of each.
pub(super) struct Meter {
    /// The [`Shape`] of the window.
    shape: AtomicU64,
    /// Shares as the bits of an `f64`; infinity is never reached.
    failure_rate: AtomicU64,
    slow_rate: AtomicU64,
    min_calls: AtomicUsize,
    early: AtomicBool,
    /// `u32::MAX` is never reached.
    consecutive_failures: AtomicU32,
    /// Nanoseconds, [`NEVER`] if no call is slow.
    slow_call: AtomicU64,
    streak: Streak,
    /// The window of time: what every call writes, so each thread has its own.
    calls: Stripes<Ring>,
    /// Apart, since few calls are slow. Not even they write to what every call reads.
    rare: Box<Rare>,
}

struct Rare {
    slow: Ring,
    count: CountWindow,
}

impl Meter {
    pub(super) fn new(config: &CircuitBreakerConfig, calls: Stripes<Ring>) -> Self {
        let meter = Self {
            shape: AtomicU64::new(Shape::of(config.window).pack()),
            failure_rate: AtomicU64::new(0),
            slow_rate: AtomicU64::new(0),
            min_calls: AtomicUsize::new(0),
            early: AtomicBool::new(false),
            consecutive_failures: AtomicU32::new(0),
            slow_call: AtomicU64::new(0),
            streak: Streak::new(),
            calls,
            rare: Box::new(Rare {
                slow: Ring::new(),
                count: CountWindow::new(),
            }),
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
        self.early.store(config.early, Relaxed);
        self.consecutive_failures
            .store(config.consecutive_failures.unwrap_or(u32::MAX), Relaxed);
        let slow_call = config.slow_call.map_or(NEVER, whole_nanos);
        self.slow_call.store(slow_call, Relaxed);
        let shape = Shape::of(config.window).pack();
        if self.shape.swap(shape, Relaxed) != shape {
            self.clear_windows();
        }
    }

    /// The stripes of the window of time.
    pub(super) fn calls(&self) -> &Stripes<Ring> {
        &self.calls
    }

    /// From how long on a call is slow.
    #[inline]
    pub(super) fn slow_call(&self) -> Option<Duration> {
        let slow_call = self.slow_call.load(Relaxed);
        (slow_call != NEVER).then(|| Duration::from_nanos(slow_call))
    }

    /// Counts a call that was good and not slow: it ends a row, and it makes no rate worse.
    #[inline]
    pub(super) fn record_good(&self, calls: &Ring, millis: u64, generation: u64) {
        match self.shape() {
            Shape::Time(ticks) if !self.streak.is_row() => {
                calls.add(ticks.at(millis), generation, false);
            }
            _ => self.record_good_with_care(calls, millis, generation),
        }
    }

    /// Apart, so that the usual call has nothing to keep over what it does not do.
    #[cold]
    #[inline(never)]
    fn record_good_with_care(&self, calls: &Ring, millis: u64, generation: u64) {
        self.streak.end(generation);
        self.put(calls, millis, generation, Outcome::default());
    }

    /// Counts a call that ended at this millisecond, in one of the stripes;
    /// answers why it has to open, if it has to.
    pub(super) fn record(
        &self,
        calls: &Ring,
        millis: u64,
        generation: u64,
        outcome: Outcome,
    ) -> Option<Cause> {
        if outcome == Outcome::default() {
            self.record_good(calls, millis, generation);
            return None;
        }
        let in_a_row = if outcome.bad {
            self.streak.lengthen(generation)
        } else {
            self.streak.end(generation);
            0
        };
        self.put(calls, millis, generation, outcome);
        settle();
        self.judge(millis, generation, in_a_row)
    }

    fn put(&self, calls: &Ring, millis: u64, generation: u64, outcome: Outcome) {
        match self.shape() {
            Shape::Count(len) => self.rare.count.record(len, generation, outcome),
            Shape::Time(ticks) => {
                let tick = ticks.at(millis);
                calls.add(tick, generation, outcome.bad);
                if outcome.slow {
                    self.rare.slow.add(tick, generation, false);
                }
            }
        }
    }

    #[inline]
    fn shape(&self) -> Shape {
        Shape::unpack(self.shape.load(Relaxed))
    }

    fn judge(&self, millis: u64, generation: u64, in_a_row: u32) -> Option<Cause> {
        let enough_in_a_row = self.consecutive_failures.load(Relaxed);
        if enough_in_a_row != u32::MAX && in_a_row >= enough_in_a_row {
            return Some(Cause::InARow(in_a_row));
        }
        let (counts, window) = self.counts(millis, generation);
        if !self.are_enough(counts) {
            return None;
        }
        self.judge_window(counts, window, |held, rate| {
            held(counts) as f64 / counts.total as f64 >= rate
        })
        .or_else(|| match self.shape() {
            Shape::Time(ticks) if self.early.load(Relaxed) => {
                self.judge_early(counts, ticks, millis, generation)
            }
            _ => None,
        })
    }

    /// Whether the last ticks of the window are enough: 1 of them, 2, and so on, against those before.
    #[cold]
    fn judge_early(
        &self,
        all: Counts,
        ticks: Ticks,
        millis: u64,
        generation: u64,
    ) -> Option<Cause> {
        let (mut now, mut before) = (Counts::default(), all);
        for (last, tick) in (1..).zip(self.held(ticks.at(millis), generation)) {
            now = now + tick;
            before = before - tick;
            // So few say nothing about what is usual, and there will only be fewer.
            if !self.are_enough(before) {
                return None;
            }
            let window = Window::Time(Duration::from_millis(ticks.millis() * last));
            let cause = self.judge_window(now, window, |held, rate| {
                let share = |counts| Share {
                    part: held(counts),
                    of: counts.total,
                };
                evidence::is_enough(share(now), share(before), rate)
            });
            if cause.is_some() {
                return cause;
            }
        }
        None
    }

    /// What each tick of the window holds, the latest first.
    fn held(&self, tick: u64, generation: u64) -> [Counts; Ring::TICKS as usize] {
        let mut held = [Counts::default(); Ring::TICKS as usize];
        for calls in self.calls.iter() {
            for (counts, (total, bad)) in held.iter_mut().zip(calls.ticks(tick, generation)) {
                counts.total += total;
                counts.bad += bad;
            }
        }
        for (counts, (slow, _)) in held.iter_mut().zip(self.rare.slow.ticks(tick, generation)) {
            counts.slow += slow;
        }
        held
    }

    fn are_enough(&self, counts: Counts) -> bool {
        counts.total >= self.min_calls.load(Relaxed) as u64
    }

    /// Which rate is reached, if any, in enough calls; `reaches` is told what counts for a rate, and the
    /// rate.
    fn judge_window(
        &self,
        counts: Counts,
        window: Window,
        reaches: impl Fn(fn(Counts) -> u64, f64) -> bool,
    ) -> Option<Cause> {
        let Counts { total, bad, slow } = counts;
        if !self.are_enough(counts) {
            return None;
        }
        let reached = |held, rate: &AtomicU64| reaches(held, f64::from_bits(rate.load(Relaxed)));
        if reached(|counts| counts.bad, &self.failure_rate) {
            return Some(Cause::FailureRate {
                failed: bad,
                of: total,
                window,
            });
        }
        reached(|counts| counts.slow, &self.slow_rate).then_some(Cause::SlowRate {
            slow,
            of: total,
            window,
        })
    }

    pub(super) fn counts(&self, millis: u64, generation: u64) -> (Counts, Window) {
        match self.shape() {
            Shape::Count(len) => (self.rare.count.counts(len, generation), Window::Count(len)),
            Shape::Time(ticks) => {
                let tick = ticks.at(millis);
                let mut counts = Counts {
                    slow: self.rare.slow.sum(tick, generation).0,
                    ..Counts::default()
                };
                for calls in self.calls.iter() {
                    let (total, bad) = calls.sum(tick, generation);
                    counts.total += total;
                    counts.bad += bad;
                }
                let window = Duration::from_millis(ticks.millis() * Ring::TICKS);
                (counts, Window::Time(window))
            }
        }
    }

    pub(super) fn in_a_row(&self, generation: u64) -> u32 {
        self.streak.count(generation)
    }

    /// Counts again what was counted before a restart; opens nothing by itself.
    pub(super) fn restore(&self, millis: u64, generation: u64, counts: Counts, in_a_row: u32) {
        for nth in 0..counts.total {
            let (bad, slow) = (nth < counts.bad, nth < counts.slow);
            let calls = &self.calls.mine().0;
            self.put(calls, millis, generation, Outcome { bad, slow });
        }
        for _ in 0..in_a_row {
            self.streak.lengthen(generation);
        }
    }

    /// Forgets every call, before a new generation begins to count.
    pub(super) fn clear(&self) {
        self.streak.clear();
        self.clear_windows();
    }

    fn clear_windows(&self) {
        self.calls.iter().for_each(Ring::clear);
        self.rare.slow.clear();
        self.rare.count.clear();
    }
}

const NEVER: u64 = u64::MAX;

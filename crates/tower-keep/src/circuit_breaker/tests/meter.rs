//! The meter over a window of time, with a stripe for each thread, against a list.

use std::thread::scope;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::common::window::Counts;

/// Ticks of 50 ms.
fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        window: Window::Time(Duration::from_millis(500)),
        failure_rate: Some(0.5),
        slow_call: Some(secs(1.0)),
        slow_rate: Some(0.7),
        min_calls: 6,
        consecutive_failures: Some(25),
        ..super::config()
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    /// A thread counts so many calls.
    Count(usize, Outcome, u32),
    /// A call of an earlier generation ends only now.
    Late(usize, Outcome),
    /// The state changes: all is forgotten.
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = || prop_oneof![3 => Just(GOOD), 3 => Just(BAD), 2 => Just(SLOW)];
    prop_oneof![
        3 => prop_oneof![0..60_u64, 0..700_u64].prop_map(Step::Wait),
        12 => (0..4_usize, outcome(), prop_oneof![9 => Just(1), 1 => 1..40_u32])
            .prop_map(|(thread, outcome, calls)| Step::Count(thread, outcome, calls)),
        1 => (0..4_usize, outcome()).prop_map(|(thread, outcome)| Step::Late(thread, outcome)),
        1 => Just(Step::Clear),
    ]
}

/// Every call of the generation, with its tick.
#[derive(Default)]
struct List {
    calls: Vec<(u64, Outcome)>,
    in_a_row: u32,
}

impl List {
    /// What the last so many ticks hold.
    fn counts(&self, tick: u64, last: u64) -> Counts {
        let held = self.calls.iter().filter(|(of, _)| of + last > tick);
        held.fold(Counts::default(), |counts, (_, outcome)| Counts {
            total: counts.total + 1,
            bad: counts.bad + u64::from(outcome.bad),
            slow: counts.slow + u64::from(outcome.slow),
        })
    }

    fn count(&mut self, tick: u64, outcome: Outcome) -> bool {
        self.calls.retain(|(of, _)| of + 10 > tick);
        self.calls.push((tick, outcome));
        self.in_a_row = if outcome.bad { self.in_a_row + 1 } else { 0 };
        let Counts { total, bad, slow } = self.counts(tick, 10);
        let rates = bad as f64 >= 0.5 * total as f64 || slow as f64 >= 0.7 * total as f64;
        let early = (1..=10).any(|last| {
            let (now, all) = (self.counts(tick, last), self.counts(tick, 10));
            let before = all.total - now.total;
            let was_well = |part: u64, rate: f64| part as f64 <= rate / 4.0 * before as f64;
            now.total >= 6
                && before >= 6
                && (was_well(all.bad - now.bad, 0.5) && leaves_no_doubt(now.bad, now.total, 0.5)
                    || was_well(all.slow - now.slow, 0.7)
                        && leaves_no_doubt(now.slow, now.total, 0.7))
        });
        outcome != GOOD && (self.in_a_row >= 25 || (total >= 6 && rates) || early)
    }
}

/// Whether the rate is nearly reached, and is a hundred thousand times as likely as half of it.
fn leaves_no_doubt(part: u64, total: u64, rate: f64) -> bool {
    let likely = |rate: f64| rate.powf(part as f64) * (1.0 - rate).powf((total - part) as f64);
    part as f64 > 0.9 * rate * total as f64 && likely(rate) >= 1e5 * likely(rate / 2.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_stripes_together_are_one_window(
        start in 0..1_u64 << 40,
        first in 1..1_000_000_u64,
        steps in vec(step(), 0..500),
    ) {
        let meter = meter(&config());
        let (mut millis, mut generation) = (start, first);
        let mut list = List::default();
        for step in steps {
            match step {
                Step::Wait(time) => millis += time,
                Step::Count(thread, outcome, calls) => for _ in 0..calls {
                    let calls = stripe(&meter, thread);
                    let opens = meter.record(calls, millis, generation, outcome).is_some();
                    prop_assert_eq!(opens, list.count(millis / 50, outcome));
                },
                Step::Late(thread, outcome) => {
                    meter.record(stripe(&meter, thread), millis, generation - 1, outcome);
                }
                Step::Clear => {
                    meter.clear();
                    generation += 1;
                    list = List::default();
                }
            }
            let (counts, window) = meter.counts(millis, generation);
            prop_assert_eq!(counts, list.counts(millis / 50, 10));
            prop_assert_eq!(meter.in_a_row(generation), list.in_a_row);
            prop_assert_eq!(window, config().window);
        }
    }
}

#[test]
fn threads_lose_no_call_and_one_of_them_sees_that_it_is_enough() {
    for round in 0..50 {
        let meter = meter(&CircuitBreakerConfig {
            min_calls: 400,
            failure_rate: Some(1.0),
            consecutive_failures: None,
            ..config()
        });
        let count = &|thread| {
            // Two threads to each stripe.
            let calls = stripe(&meter, thread);
            let counted = (0..50).map(|_| meter.record(calls, 700, round, BAD));
            counted.filter(Option::is_some).count()
        };
        let opened: usize = scope(|scope| {
            let threads = [0, 1, 2, 3, 4, 5, 6, 7].map(|thread| scope.spawn(move || count(thread)));
            let opened = threads.map(|thread| thread.join().expect("does not panic"));
            opened.iter().sum()
        });
        let (counts, _) = meter.counts(700, round);
        assert_eq!((counts.total, counts.bad), (400, 400));
        assert!(
            opened >= 1,
            "the four hundredth call was there for somebody to see"
        );
    }
}

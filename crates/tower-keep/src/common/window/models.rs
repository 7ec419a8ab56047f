use std::sync::Arc;

use super::{CountWindow, Counts, Outcome, Ring, settle};
use crate::common::modelling::{join, model, spawn};

const GENERATION: u64 = 7;

fn ring() -> Arc<Ring> {
    Arc::new(Ring::new())
}

/// Both find the word of a tick that is long over.
#[test]
fn of_two_calls_that_begin_a_tick_none_is_lost() {
    model(|| {
        let ring = ring();
        ring.add(4, GENERATION, true);
        let other = spawn({
            let ring = ring.clone();
            move || ring.add(20, GENERATION, true)
        });
        ring.add(20, GENERATION, false);
        join(other);
        assert_eq!(ring.sum(20, GENERATION), (2, 1));
    });
}

/// The call of an earlier generation ends while the present one begins to count.
#[test]
fn a_straggler_neither_counts_nor_takes_a_count_away() {
    model(|| {
        let ring = ring();
        // Generations are twenty ticks apart and words come round after sixteen: this is the same word.
        let other = spawn({
            let ring = ring.clone();
            move || ring.add(24, GENERATION - 1, true)
        });
        ring.clear();
        ring.add(20, GENERATION, false);
        ring.add(20, GENERATION, false);
        join(other);
        assert_eq!(ring.sum(20, GENERATION), (2, 0));
    });
}

/// Each writes a stripe of its own and then looks at both: what makes a breaker open in time.
#[test]
fn of_two_failures_at_once_one_sees_both() {
    model(|| {
        let rings = [ring(), ring()];
        let fail = |mine: usize, rings: &[Arc<Ring>; 2]| {
            rings[mine].add(20, GENERATION, true);
            settle();
            rings
                .iter()
                .map(|ring| ring.sum(20, GENERATION).1)
                .sum::<u64>()
        };
        let other = spawn({
            let rings = rings.clone();
            move || fail(1, &rings)
        });
        let seen = fail(0, &rings);
        let others = join(other);
        assert_eq!(seen.max(others), 2, "they missed each other");
    });
}

#[test]
fn calls_at_once_take_a_place_each() {
    model(|| {
        let window = Arc::new(CountWindow::new());
        let bad = Outcome {
            bad: true,
            slow: false,
        };
        let other = spawn({
            let window = window.clone();
            move || window.record(2, GENERATION, bad)
        });
        window.record(2, GENERATION, Outcome::default());
        join(other);
        let counts = Counts {
            total: 2,
            bad: 1,
            slow: 0,
        };
        assert_eq!(window.counts(2, GENERATION), counts);
        // The third takes the place of whoever came first.
        window.record(2, GENERATION, bad);
        assert_eq!(window.counts(2, GENERATION).total, 2);
    });
}

use std::collections::VecDeque;

use proptest::{collection::vec, prelude::*};

use super::{CountWindow, Counts, Outcome, TimeWindow};

const GOOD: Outcome = Outcome {
    bad: false,
    slow: false,
};
const BAD: Outcome = Outcome {
    bad: true,
    slow: false,
};

fn outcome() -> impl Strategy<Value = Outcome> {
    (any::<bool>(), any::<bool>()).prop_map(|(bad, slow)| Outcome { bad, slow })
}

fn sum<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Counts {
    outcomes.fold(Counts::default(), |counts, outcome| Counts {
        total: counts.total + 1,
        bad: counts.bad + u64::from(outcome.bad),
        slow: counts.slow + u64::from(outcome.slow),
    })
}

proptest! {
    #[test]
    fn a_count_window_holds_exactly_the_last_n(
        len in 1..=70_usize,
        outcomes in vec(outcome(), 0..300),
    ) {
        let window = CountWindow::new();
        let mut model = VecDeque::new();
        for outcome in outcomes {
            window.record(len, 7, outcome);
            model.push_back(outcome);
            if model.len() > len {
                model.pop_front();
            }
            prop_assert_eq!(window.counts(len, 7), sum(model.iter()));
        }
    }

    #[test]
    fn a_time_window_holds_exactly_the_last_ten_ticks(
        start in any::<u32>(),
        generation in 0..1_000_000_u64,
        steps in vec((0..4_u64, outcome()), 0..300),
    ) {
        let window = TimeWindow::new();
        let mut model: VecDeque<(u64, Outcome)> = VecDeque::new();
        let mut tick = u64::from(start);
        for (step, outcome) in steps {
            // Mostly small steps, sometimes past the whole window.
            tick += if step == 3 { 7 } else { step };
            window.record(tick, generation, outcome);
            model.push_back((tick, outcome));
            model.retain(|(at, _)| at + 10 > tick);
            prop_assert_eq!(
                window.counts(tick, generation),
                sum(model.iter().map(|(_, outcome)| outcome))
            );
        }
    }
}

#[test]
fn a_full_count_window_forgets_after_n() {
    let window = CountWindow::new();
    for _ in 0..10_000 {
        window.record(100, 1, GOOD);
    }
    for failures in 1..=50 {
        window.record(100, 1, BAD);
        let counts = window.counts(100, 1);
        assert_eq!((counts.total, counts.bad), (100, failures));
    }
}

#[test]
fn a_straggler_of_an_earlier_generation_cannot_write_into_a_later_one() {
    let count = CountWindow::new();
    count.record(8, 5, BAD);
    count.clear();
    // The straggler comes first, then after the new generation, then a lap later.
    count.record(8, 5, BAD);
    count.record(8, 6, GOOD);
    count.record(8, 5, BAD);
    let one_good = Counts {
        total: 1,
        bad: 0,
        slow: 0,
    };
    assert_eq!(count.counts(8, 6), one_good);

    let time = TimeWindow::new();
    for late in 0..10 {
        time.clear();
        time.record(100 + late, 5, BAD);
        time.record(100, 6, GOOD);
        time.record(100 + late, 5, BAD);
        assert_eq!(time.counts(100, 6), one_good, "{late} ticks late");
    }
}

#[test]
fn a_full_bucket_keeps_its_ratio() {
    let window = TimeWindow::new();
    for _ in 0..200_000 {
        window.record(3, 0, GOOD);
        window.record(3, 0, BAD);
    }
    let counts = window.counts(3, 0);
    assert_eq!(counts.total, (1 << 18) - 1);
    assert_eq!(counts.bad, counts.total / 2);
}

#[test]
fn a_window_nobody_touched_until_its_stamps_came_round_starts_afresh() {
    let window = TimeWindow::new();
    window.record(10_000, 0, BAD);
    let much_later = (1 << 28) + 504;
    window.record(much_later, 0, GOOD);
    window.record(much_later + 1, 0, GOOD);
    let counts = window.counts(much_later + 1, 0);
    assert_eq!((counts.total, counts.bad), (2, 0));
}

#[test]
fn no_record_is_lost_between_threads() {
    let count = CountWindow::new();
    let time = TimeWindow::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (count, time) = (&count, &time);
            scope.spawn(move || {
                for call in 0..200 {
                    let outcome = if (thread + call) % 2 == 0 { BAD } else { GOOD };
                    count.record(1_000, 1, outcome);
                    time.record(u64::from(call % 5 == 0), 1, outcome);
                }
            });
        }
    });
    let expected = Counts {
        total: 800,
        bad: 400,
        slow: 0,
    };
    assert_eq!(count.counts(1_000, 1), expected);
    assert_eq!(time.counts(1, 1), expected);
}

#[test]
fn what_a_longer_window_left_behind_is_not_counted() {
    let window = CountWindow::new();
    for _ in 0..100 {
        window.record(100, 1, BAD);
    }
    for len in [1, 10, 16, 17, 99, 100] {
        let counts = window.counts(len, 1);
        assert_eq!((counts.total, counts.bad), (len as u64, len as u64));
    }
}

#[test]
fn a_bucket_full_of_good_calls_stays_full() {
    let window = TimeWindow::new();
    for _ in 0..(1 << 18) + 5 {
        window.record(3, 0, GOOD);
    }
    let counts = window.counts(3, 0);
    assert_eq!((counts.total, counts.bad), ((1 << 18) - 1, 0));
    window.record(4, 0, BAD);
    assert_eq!(window.counts(4, 0).bad, 1, "the next one is counted");
}

#[test]
fn a_window_that_is_cleared_is_empty_in_its_own_generation_too() {
    let (count, time) = (CountWindow::new(), TimeWindow::new());
    let slow = Outcome { slow: true, ..BAD };
    for _ in 0..40 {
        count.record(100, 1, slow);
        time.record(7, 1, slow);
    }
    count.clear();
    time.clear();
    assert_eq!(count.counts(100, 1), Counts::default());
    assert_eq!(time.counts(7, 1), Counts::default());
}

#[test]
fn who_is_late_is_told_from_who_is_early_wherever_the_numbers_come_round() {
    // Generations: a word is newer than its writer by less than half of all, or it is older.
    let half = 1 << 15;
    let one_bad = Counts {
        total: 1,
        bad: 1,
        slow: 0,
    };
    let count = CountWindow::new();
    count.record(8, 2 * half - 1, BAD);
    assert_eq!(
        count.counts(8, 2 * half - 1),
        one_bad,
        "an empty word has no age"
    );
    count.clear();
    count.record(8, 3, BAD);
    count.record(8, 3 + half, BAD);
    assert_eq!(count.counts(8, 3 + half), one_bad, "just not late");
    count.record(8, 4, BAD);
    assert_eq!(count.counts(8, 3 + half), one_bad, "just late");

    // Ticks: newer by up to a thousand, or it is a relic.
    let all = 1 << 28;
    let time = TimeWindow::new();
    time.record(all - 1, 0, BAD);
    assert_eq!(time.counts(all - 1, 0), one_bad, "an empty word has no age");
    for (ahead, late) in [(1008, true), (1024, false), (1040, false)] {
        let time = TimeWindow::new();
        time.record(5_000 + ahead, 0, BAD);
        time.record(5_000, 0, BAD);
        let expected = if late { Counts::default() } else { one_bad };
        assert_eq!(time.counts(5_000, 0), expected, "{ahead} ahead");
    }
}

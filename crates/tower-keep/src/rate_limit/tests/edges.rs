//! The bucket and its pace to the nanosecond.

use super::*;

#[test]
fn a_bucket_is_taken_from_at_its_own_pace() {
    let bucket = Bucket::default();
    // Three at once, a second each.
    let slow = pace(Rate::per(3, Duration::from_secs(3)));
    bucket.repace(slow, |_| 0);
    let quick = crate::common::atomic::AtomicU64::new(slow.interval);
    let off = crate::common::atomic::AtomicU64::new(0);
    assert!(!bucket.take_one(&off, START), "by the longer way");
    assert_eq!(bucket.one_in(&off, START), None);
    assert_eq!(bucket.one_in(&quick, START), None);
    for _ in 0..3 {
        assert!(bucket.has(1, 1.0, START) && bucket.take_one(&quick, START));
    }
    assert!(!bucket.take_one(&quick, START) && !bucket.has(1, 1.0, START));
    assert_eq!(bucket.one_in(&quick, START), Some(SECOND));
    assert_eq!(
        bucket.one_in(&quick, START + SECOND / 4),
        Some(SECOND * 3 / 4)
    );
    assert_eq!(bucket.one_in(&quick, START + SECOND), None);
    assert_eq!(bucket.next(1, 1.0, START), Some(START + SECOND));
    assert_eq!(bucket.next(3, 1.0, START), Some(START + 3 * SECOND));
    assert_eq!(bucket.next(4, 1.0, START), None, "it never holds four");
    assert!(bucket.take(4, 1.0, START).is_err());
    assert!(bucket.take(2, 1.0, START + 2 * SECOND - 1).is_err());
    assert_eq!(
        bucket.take(2, 1.0, START + 2 * SECOND).ok(),
        Some(START + 5 * SECOND)
    );
    // What a cold service costs more, and never more than all.
    let now = START + 5 * SECOND;
    assert_eq!(bucket.next(1, 1.5, now), Some(START + 7 * SECOND / 2));
    assert_eq!(bucket.take(2, 3.0, now).ok(), Some(now + 3 * SECOND));
}

#[test]
fn a_bucket_that_is_lowered_says_by_how_much() {
    let bucket = Bucket::default();
    bucket.repace(pace(Rate::per_second(1)), |_| START);
    assert_eq!(bucket.given(), 0);
    bucket.lower(7);
    bucket.lower(5);
    assert_eq!((bucket.load().0, bucket.given()), (START - 12, 12));
    bucket.change(|full_at| full_at + 2);
    assert_eq!(bucket.load().0, START - 10);
    assert!(!bucket.replace(START, START + 1));
    assert!(bucket.replace(START - 10, START + 1));
    assert_eq!(bucket.load().0, START + 1);
    // The same word would not tell a call that the pace has changed.
    bucket.repace(pace(Rate::per_second(2)), |full_at| full_at);
    assert_eq!(bucket.load(), (START + 2, pace(Rate::per_second(2))));
}

#[test]
fn while_its_pace_changes_nobody_is_let_in_the_short_way() {
    let bucket = Bucket::default();
    let slow = pace(Rate::per_second(1));
    let quick = crate::common::atomic::AtomicU64::new(slow.interval);
    bucket.repace(slow, |_| {
        assert!(!bucket.take_one(&quick, START));
        assert_eq!(bucket.one_in(&quick, START), None);
        assert!(bucket.take(1, 1.0, START).is_err());
        assert_eq!(bucket.next(1, 1.0, START), Some(START), "ask in earnest");
        0
    });
    assert!(bucket.take_one(&quick, START));
}

#[test]
fn a_drained_bucket_has_one_permit_when_it_is_told() {
    let pace = pace(Rate::per_second(10).burst(5));
    let until = START + SECOND;
    let full_at = pace.drained(0, until);
    assert_eq!(pace.left(full_at, until - 1), 0);
    assert_eq!(pace.left(full_at, until), 1);
    assert!(!pace.is_full(full_at, until));
    assert!(!pace.is_full(full_at, full_at - 1) && pace.is_full(full_at, full_at));
    assert_eq!(
        pace.drained(full_at + 9, until),
        full_at + 9,
        "it had even less"
    );
    assert_eq!(pace.worth(3), 3 * SECOND / 10);
    assert_eq!(pace.worth(u64::MAX), 1 << 55, "a year");
}

#[test]
fn a_reservoir_keeps_its_edges_wherever_they_are() {
    let pace = Rate::reservoir(4, Duration::from_secs(1)).pace(1.0, START + 3);
    for (now, grown) in [
        (START, START),
        (START + 3, START + 3),
        (START + 2 + SECOND, START + 3),
        (START + 3 + SECOND, START + 3 + SECOND),
        (START + 4 + 5 * SECOND, START + 3 + 5 * SECOND),
    ] {
        assert_eq!(pace.grown(now), grown, "{}", now - START);
    }
    for (full_in, starts) in [
        (SECOND + 3, 3),
        (SECOND + 4, 3 + SECOND),
        (2 * SECOND + 3, 3 + SECOND),
    ] {
        assert_eq!(pace.starts(START + full_in), START + starts, "{full_in}");
    }
}

#[test]
fn a_share_of_a_rate_is_never_nothing_and_a_rate_says_what_it_is() {
    let second = Duration::from_secs(1);
    let tiny = Rate::per_second(100).burst(10).pace(0.01, START);
    assert_eq!((tiny.interval, tiny.tolerance), (SECOND, SECOND));
    let tiny = Rate::reservoir(10, second).pace(0.01, START);
    assert_eq!((tiny.interval, tiny.step), (SECOND, SECOND));
    let most = Rate::per(1, Duration::from_secs(365 * 24 * 3600)).burst(1000);
    let most = most.pace(0.5, START);
    assert_eq!((most.interval, most.tolerance), (1 << 54, 1 << 55));
    for (rate, text) in [
        (Rate::per_second(100).burst(20), "100 per 1s, burst 20"),
        (Rate::per_minute(6), "6 per 60s, burst 6"),
        (Rate::per_hour(6), "6 per 3600s, burst 6"),
        (Rate::reservoir(5, second), "5 per 1s at once"),
        (Rate::every(second), "1 per 1s, burst 1"),
    ] {
        assert_eq!(rate.to_string(), text);
    }
    for works in [
        Rate::per(1, Duration::from_nanos(1)),
        Rate::reservoir(5, second).burst(5),
        Rate::per(1, crate::common::clock::YEAR),
    ] {
        assert_eq!(works.check(), Ok(()), "{works}");
    }
}

#[test]
fn warming_up_ends_on_time() {
    assert_eq!(warming(START, START - 1, SECOND), Some(3.0));
    assert_eq!(
        warming(START, START + SECOND - 1, SECOND).map(f64::round),
        Some(1.0)
    );
    let quarter = warming(START, START + SECOND / 4, SECOND).unwrap();
    assert!((quarter - 2.0).abs() < 1e-9);
}

#[test]
fn numbers_at_the_end_of_a_word_are_rounded_up_and_do_not_overflow() {
    let odd = Rate::per(2, Duration::from_nanos(30_000_000_000_000_001));
    assert_eq!(pace(odd).interval, 15_000_000_000_000_001);
    let [fast, slow] = [1, 1 << 54].map(|interval| Pace {
        interval,
        tolerance: interval,
        step: 0,
        anchor: START,
    });
    let far = fast.convert(&slow, START + (1 << 40), START);
    assert_eq!(far, u64::MAX >> 2, "so late that it is never");
}

mod edges;
mod promise;
mod steered;

use std::time::Duration;

use proptest::prelude::*;

use super::{
    Learn, Limit, Rate, RateLimitConfig, RateLimitLayer,
    bucket::Bucket,
    learn::Learnt,
    line,
    state::{Booking, Pace, warming},
};

const SECOND: u64 = 1_000_000_000;

/// Well after the start of time, as the clock is.
const START: u64 = 1 << 61;

fn pace(rate: Rate) -> Pace {
    rate.pace(1.0, START)
}

#[test]
fn a_rate_is_an_interval_and_a_tolerance() {
    let table = [
        (Rate::per_second(100).burst(20), 10_000_000, 200_000_000, 0),
        (Rate::per_second(100), 10_000_000, SECOND, 0),
        (
            Rate::every(Duration::from_millis(250)),
            250_000_000,
            250_000_000,
            0,
        ),
        // Rounded up, and three at once still fit.
        (Rate::per_second(3), 333_333_334, 1_000_000_002, 0),
        (
            Rate::reservoir(50, Duration::from_secs(1)),
            20_000_000,
            SECOND,
            SECOND,
        ),
    ];
    for (rate, interval, tolerance, step) in table {
        let expected = Pace {
            interval,
            tolerance,
            step,
            anchor: START,
        };
        assert_eq!(pace(rate), expected, "{rate}");
    }
    let half = Rate::per_second(100).burst(20).pace(0.5, START);
    assert_eq!((half.interval, half.tolerance), (20_000_000, 200_000_000));
}

#[test]
fn a_booking_says_when() {
    let pace = pace(Rate::per_second(10).burst(2));
    let tenth = SECOND / 10;
    // (full at, cost, when)
    let table = [
        (0, 1, 0),
        (0, 2, 0),
        (tenth, 1, 0),
        (2 * tenth, 1, tenth),
        (2 * tenth, 2, 2 * tenth),
        (9 * tenth, 1, 8 * tenth),
    ];
    for (full_in, cost, wait) in table {
        let price = pace.price(cost).unwrap();
        let Booking { at, full_at } = pace.book(START + full_in, START, price);
        assert_eq!(at.saturating_sub(START), wait, "{full_in} {cost}");
        assert_eq!(full_at, START + full_in + price);
    }
    assert_eq!(pace.price(3), None, "it never holds three");
    assert_eq!(pace.book(0, START, pace.interval).full_at, START + tenth);
}

#[test]
fn a_reservoir_is_full_again_at_each_step_and_not_before() {
    let pace = pace(Rate::reservoir(4, Duration::from_secs(1)));
    let mut full_at = 0;
    for taken in 1..=9 {
        let booking = pace.book(full_at, START + SECOND / 2, pace.interval);
        full_at = booking.full_at;
        // The first four now, then four at each edge.
        let edge = START + (taken - 1) / 4 * SECOND;
        assert!(booking.at <= edge.max(START + SECOND / 2), "{taken}");
        assert!(booking.at >= edge, "{taken}");
    }
    assert_eq!(pace.left(full_at, START + 2 * SECOND), 3);
    assert_eq!(pace.left(full_at, START + 3 * SECOND), 4);
}

#[test]
fn what_has_grown_back_is_not_given_back_again() {
    let pace = pace(Rate::per_second(10).burst(5));
    let price = pace.price(5).unwrap();
    let end = pace.book(0, START, price).full_at;
    assert_eq!(pace.refund(end, START, price), price);
    assert_eq!(
        pace.refund(end, START + SECOND / 5, price),
        price - SECOND / 5
    );
    assert_eq!(pace.refund(end, START + SECOND, price), 0);
}

#[test]
fn permits_survive_a_change_of_pace() {
    let [slow, fast] = [10, 100].map(|n| pace(Rate::per_second(n).burst(20)));
    let now = START + SECOND;
    let with = |pace: &Pace, left: i64| {
        let missing = (20 - left) * i64::try_from(pace.interval).unwrap();
        now.saturating_add_signed(missing)
    };
    // 20 is a full bucket, less than nothing is owed to those who wait.
    for left in [20, 7, 0, -5] {
        assert_eq!(
            slow.convert(&fast, with(&slow, left), now),
            with(&fast, left)
        );
        assert_eq!(
            fast.convert(&slow, with(&fast, left), now),
            with(&slow, left)
        );
    }
    let small = pace(Rate::per_second(10).burst(5));
    assert_eq!(
        small.left(slow.convert(&small, with(&slow, 15), now), now),
        5
    );
    assert_eq!(
        slow.left(small.convert(&slow, START, now), now),
        5,
        "a larger one fills up"
    );
}

#[test]
fn a_cold_service_gets_a_third() {
    let at = |share: f64| warming(START, START + (share * 1e9) as u64, SECOND);
    assert_eq!(at(0.0), Some(3.0));
    assert!((at(0.5).unwrap() - 1.5).abs() < 1e-9);
    assert_eq!(at(1.0), None);
}

#[test]
fn a_rate_falls_once_a_second_and_rises_slowly() {
    let by = Learn::default();
    let step = |learnt: Learnt, too_many, after| learnt.after(too_many, learnt.since + after, &by);
    let fresh = Learnt {
        since: START,
        fell: START,
        ..Learnt::NOTHING
    };
    assert_eq!(step(fresh, false, SECOND), None, "whole stays whole");
    let fallen = step(fresh, true, SECOND).unwrap();
    assert_eq!(fallen.share, 0.7);
    assert_eq!(step(fallen, true, SECOND / 2), None, "the same signal");
    assert!((step(fallen, true, SECOND).unwrap().share - 0.49).abs() < 1e-9);
    let risen = step(fallen, false, 6 * SECOND).unwrap();
    assert!((risen.share - 0.8).abs() < 1e-9);
    assert_eq!(step(risen, false, 60 * SECOND).unwrap().share, 1.0);
    let mut low = fallen;
    for _ in 0..20 {
        low = step(low, true, SECOND).unwrap_or(low);
    }
    assert_eq!(low.share, by.floor);
}

#[test]
fn a_configuration_that_cannot_work_names_the_field() {
    let second = Duration::from_secs(1);
    let with = |change: fn(&mut RateLimitConfig)| {
        let mut config = RateLimitConfig::new(Rate::per_second(1));
        change(&mut config);
        config
    };
    let table = [
        (RateLimitConfig::new(Rate::per_second(0)), "permits"),
        (RateLimitConfig::new(Rate::per(1, Duration::ZERO)), "per"),
        (
            RateLimitConfig::new(Rate::per(2, Duration::from_nanos(1))),
            "permits",
        ),
        (RateLimitConfig::new(Rate::per_second(1).burst(0)), "burst"),
        (
            RateLimitConfig::new(Rate::per_hour(1).burst(u64::MAX)),
            "burst",
        ),
        (
            RateLimitConfig::new(Rate::reservoir(5, second).burst(9)),
            "burst",
        ),
        (with(|c| c.limits.clear()), "limits"),
        (
            with(|c| c.limits = vec![Rate::per_second(1).into(); 5]),
            "limits",
        ),
        (
            with(|c| c.limits = vec![Rate::per_second(1).into(); 2]),
            "name",
        ),
        (
            RateLimitConfig::new(Limit::new(Rate::per_second(1)).named("a\"b")),
            "name",
        ),
        (with(|c| c.share = 0.0), "share"),
        (with(|c| c.share = f64::NAN), "share"),
        (with(|c| c.max_wait = Duration::MAX), "max_wait"),
        (with(|c| c.warm_up = Some(Duration::ZERO)), "warm_up"),
        (
            with(|c| {
                c.learn = Some(Learn {
                    floor: 0.0,
                    ..Learn::default()
                });
            }),
            "floor",
        ),
    ];
    for (config, field) in table {
        let error = RateLimitLayer::from_config(config).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
    }
}

#[test]
fn a_configuration_reads_as_it_is_meant() {
    let text = r#"{
        "limits": [
            {"name": "requests", "rate": {"permits": 500, "per": "1m", "burst": 20}, "counts": "calls"},
            {"name": "tokens", "rate": {"permits": 200000, "per": "1m"}}
        ],
        "max_wait": "5s"
    }"#;
    let read: RateLimitConfig = serde_json::from_str(text).unwrap();
    let written = RateLimitConfig::paced(
        Limit::calls(Rate::per_minute(500).burst(20)).named("requests"),
        Duration::from_secs(5),
    )
    .and(Limit::new(Rate::per_minute(200_000)).named("tokens"));
    assert_eq!(read, written);
    assert!(serde_json::from_str::<RateLimitConfig>(r#"{"limits": [], "burst": 1}"#).is_err());
}

/// What happens to a bucket.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    Take(u64),
    /// Of the call so many calls ago, up to so much is given back.
    GiveBack(usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..40_u64).prop_map(Step::Pass),
        4 => (1..5_u64).prop_map(Step::Take),
        1 => (0..6_usize, 1..5_u64).prop_map(|(call, cost)| Step::GiveBack(call, cost)),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    /// Against a count of tokens, which is another way to say the same.
    #[test]
    fn it_decides_as_a_count_of_tokens_does(burst in 1..8_u64, interval in 1..30_u64, steps in steps()) {
        let pace = Pace { interval, tolerance: interval * burst, step: 0, anchor: 0 };
        let (mut full_at, mut now) = (0, START);
        let mut tokens = pace.tolerance;
        for step in steps {
            match step {
                Step::Pass(time) => {
                    now += time;
                    tokens = (tokens + time).min(pace.tolerance);
                }
                Step::Take(cost) => {
                    let fits = pace.price(cost).filter(|price| *price <= tokens);
                    let booking = pace.price(cost).map(|price| pace.book(full_at, now, price));
                    let booking = booking.filter(|booking| booking.at <= now);
                    prop_assert_eq!(fits.is_some(), booking.is_some());
                    if let (Some(price), Some(booking)) = (fits, booking) {
                        tokens -= price;
                        full_at = booking.full_at;
                    }
                }
                Step::GiveBack(..) => {}
            }
            prop_assert_eq!(pace.left(full_at, now), tokens / interval);
        }
    }

    /// In any time, at most the burst and what the rate gives, of what was kept.
    #[test]
    fn no_time_sees_more_than_it_may(burst in 1..8_u64, interval in 1..30_u64, steps in steps()) {
        let pace = Pace { interval, tolerance: interval * burst, step: 0, anchor: 0 };
        let (mut full_at, mut now) = (0, START);
        // When, how much was kept, the end of its booking, and what had been given back by then.
        let mut calls: Vec<(u64, u64, u64, u64)> = Vec::new();
        let mut given = 0;
        for step in steps {
            match step {
                Step::Pass(time) => now += time,
                Step::Take(cost) => {
                    let Some(price) = pace.price(cost) else { continue };
                    let booking = pace.book(full_at, now, price);
                    if booking.at <= now {
                        full_at = booking.full_at;
                        calls.push((now, price, full_at, given));
                    }
                }
                Step::GiveBack(ago, cost) => {
                    let Some(at) = calls.len().checked_sub(ago + 1) else { continue };
                    let (_, kept, end, before) = &mut calls[at];
                    // What others gave back since makes it end earlier.
                    *end -= (given - *before).min(*end);
                    let back = pace.refund(*end, now, (cost * interval).min(*kept));
                    full_at -= back;
                    given += back;
                    *kept -= back;
                    *end -= back;
                    *before = given;
                }
            }
        }
        for (first, (from, ..)) in calls.iter().enumerate() {
            let mut sum = 0;
            for (to, kept, ..) in &calls[first..] {
                sum += kept;
                prop_assert!(sum <= pace.tolerance + (to - from), "{sum} from {from} to {to}");
            }
        }
    }

    /// Whatever the pace becomes, nobody gains a permit.
    #[test]
    fn a_change_makes_no_permits(from in 1..500_u64, to in 1..500_u64, burst in 1..50_u64, missing in 0..100_u64) {
        let [old, new] = [from, to].map(|interval| Pace { interval, tolerance: interval * burst, step: 0, anchor: 0 });
        let full_at = START + missing * from;
        let converted = old.convert(&new, full_at, START);
        prop_assert_eq!(new.left(converted, START), old.left(full_at, START));
        let back = new.convert(&old, converted, START);
        prop_assert!(back >= full_at.max(START));
    }
}

#[test]
fn many_threads_take_as_many_permits_as_there_are() {
    let bucket = Bucket::default();
    let pace = pace(Rate::per_hour(1000));
    bucket.repace(pace, |_| 0);
    let quick = crate::common::atomic::AtomicU64::new(pace.interval);
    let taken: usize = std::thread::scope(|scope| {
        let threads = [(); 4]
            .map(|()| scope.spawn(|| (0..1000).filter(|_| bucket.take_one(&quick, START)).count()));
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    assert_eq!(taken, 1000);
    assert!(bucket.take(1, 1.0, START).is_err());
}

#[test]
fn a_call_mixes_no_two_paces() {
    // Both give one permit now; half of one and half of the other would give thousands.
    let [few, rare] = [
        Rate::every(Duration::from_millis(1)),
        Rate::every(Duration::from_secs(3600)),
    ]
    .map(pace);
    let bucket = Bucket::default();
    bucket.repace(few, |_| START);
    let quick = crate::common::atomic::AtomicU64::new(few.interval);
    let changes = 2_000_u64;
    let taken = std::thread::scope(|scope| {
        let taker = scope.spawn(|| {
            (0..200_000)
                .filter(|_| bucket.take_one(&quick, START))
                .count() as u64
        });
        for change in 0..changes {
            let pace = if change % 2 == 0 { rare } else { few };
            quick.store(0, crate::common::atomic::Ordering::Release);
            bucket.repace(pace, |_| START);
            quick.store(pace.interval, crate::common::atomic::Ordering::Release);
        }
        taker.join().unwrap()
    });
    assert!(
        taken <= changes + 1,
        "{taken} of at most one for each change"
    );
}

#[test]
fn a_call_that_waits_for_one_limit_saves_up_nothing_in_another() {
    // One at a time, a second apart; and ten at once that take a minute to come back.
    let paces = [
        pace(Rate::every(Duration::from_secs(1))),
        pace(Rate::per_minute(10)),
    ];
    let empty = START + paces[1].tolerance;
    let prices = line::prices(&paces, &[1, 1, 0, 0], 1.0);
    let (first, ends) = line::booked(&paces, &[0, empty, 0, 0], &prices, START);
    assert_eq!(first, START + 6 * SECOND);
    let (second, _) = line::booked(&paces, &ends, &prices, START);
    assert_eq!(second, START + 12 * SECOND);
    assert_eq!(
        ends[0],
        first + SECOND,
        "not the next second, which passes unused"
    );
}

//! Each part of the shedder to the number.

use super::*;
use crate::load_shed::pressure::Gauge;

#[test]
fn a_level_is_a_priority_and_a_step_within_it() {
    let class = |priority, step| Level::new(priority, step).class();
    assert_eq!(class(Priority::CRITICAL, 31), 7);
    assert_eq!(
        class(Priority::CRITICAL, 200),
        7,
        "no step leaves its priority"
    );
    let [low, high] = [0, 31].map(|step| Level::new(Priority::default(), step));
    assert!(low < high && low.class() == high.class());
    assert!(high < Level::new(Priority::CRITICAL, 0));
    let steps = [0, 1, 31, 32].map(|step| Level::new(Priority::default(), step));
    assert_eq!(steps[2], steps[3], "at most 31");
    assert!(steps[0] < steps[1]);
}

#[test]
fn the_older_half_is_forgotten_and_the_rest_keeps_its_share() {
    let mut seen = Seen::new();
    let is_in =
        |seen: &Seen, share, level, chance| seen.is_in_least(share, Level::of(level), chance);
    assert!(
        !is_in(&seen, 0.5, 0, 0.0),
        "nobody is in the least part of none"
    );
    for _ in 0..2048 {
        seen.note(Level::of(10));
    }
    // 1024 are left of them when the next one comes.
    for _ in 0..341 {
        seen.note(Level::of(20));
    }
    assert!(!is_in(&seen, 0.75, 20, 0.0), "just less than a quarter");
    seen.note(Level::of(20));
    assert!(is_in(&seen, 0.75, 20, 0.0), "just more");
    // A quarter of all is a third of the lesser.
    assert!(is_in(&seen, 0.25, 10, 0.333) && !is_in(&seen, 0.25, 10, 0.334));
    assert!(!is_in(&seen, 0.0, 0, 0.0));
}

#[test]
fn a_class_is_above_a_share_if_more_than_that_is_below_it() {
    let mut seen = Seen::new();
    for level in [0, 31, 32, 63] {
        seen.note(Level::of(level));
    }
    assert!(!seen.is_in_least(0.5, Level::of(32), 0.0), "just not");
    assert!(seen.is_in_least(0.51, Level::of(32), 0.0));
    for (share, level, above) in [
        (0.49, 32, true),
        (0.49, 63, true),
        (0.5, 32, false),
        (0.0, 31, false),
        (0.9, 64, true),
        (1.0, 64, false),
    ] {
        let found = seen.is_class_above(share, Level::of(level));
        assert_eq!(found, above, "{level} above {share}");
    }
}

#[test]
fn a_guess_is_a_moving_mean_that_lasts_for_a_few_starts() {
    let start = clock::now();
    let mut pace = Pace::default();
    pace.started(start);
    assert_eq!(pace.wait(0, start), None, "one start is no pace");
    pace.started(start + MILLI * 80);
    assert_eq!(pace.wait(0, start + MILLI * 80), Some(MILLI * 80));
    let now = start + MILLI * 240;
    pace.started(now);
    // Seven eighths of 80 and an eighth of 160.
    assert_eq!(pace.wait(0, now), Some(MILLI * 90));
    assert_eq!(pace.wait(2, now), Some(MILLI * 270));
    assert_eq!(
        pace.wait(9, now + MILLI * 720),
        Some(MILLI * 180),
        "eight starts"
    );
    assert_eq!(pace.wait(9, now + MILLI * 721), None);
    // Half a second, where eight starts are less.
    let mut quick = Pace::default();
    quick.started(start);
    quick.started(start + MILLI);
    let now = start + MILLI;
    assert_eq!(quick.wait(999, now + MILLI * 500), Some(MILLI * 500));
    assert_eq!(quick.wait(999, now + MILLI * 501), None);
}

#[test]
fn a_pressure_is_asked_for_once_an_interval_and_the_greatest_counts() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    let gauge = Gauge::default();
    gauge.configure(&LoadShedConfig {
        pressure_from: 0.5,
        pressure_interval: MILLI * 100,
        ..LoadShedConfig::new(1)
    });
    let asked = Arc::new(AtomicUsize::new(0));
    assert_eq!((gauge.share(Duration::ZERO), gauge.last()), (0.0, 0.0));
    let count = asked.clone();
    gauge.add(move || {
        count.fetch_add(1, SeqCst);
        0.75
    });
    gauge.add(|| 0.6);
    gauge.add(|| f64::NAN);
    gauge.add(|| -> f64 { panic!("contained") });
    for (millis, times) in [(0, 1), (0, 1), (99, 1), (100, 2), (150, 2), (200, 3)] {
        let share = gauge.share(MILLI * millis);
        assert!((share - 0.475).abs() < 1e-9, "{share}");
        assert_eq!(asked.load(SeqCst), times, "at {millis} ms");
    }
    assert_eq!(gauge.last(), 0.75);
    gauge.add(|| 7.0);
    assert_eq!(
        gauge.share(MILLI * 201),
        0.95,
        "asked at once, and no more than all"
    );
    assert_eq!(gauge.last(), 1.0);
}

#[test]
fn the_queue_is_shared_out_from_half_of_it_on() {
    let now = clock::now();
    // A hundred calls of each of two levels were seen, and the queue holds so many of the lesser.
    let queue = |held: usize| {
        let mut queue = Queue::new();
        for _ in 0..100 {
            queue.meet(&caller(40, 0.0), &TERMS, now);
            queue.meet(&caller(50, 0.0), &TERMS, now);
        }
        for n in 0..held {
            queue.push(&caller(40, 0.0), n, &TERMS, now);
        }
        queue
    };
    for (held, chance, may) in [
        (3, 0.0, Ok(())),
        // At four of six the lesser third is shed, which is two thirds of the lesser.
        (4, 0.66, Err(Reason::Filling)),
        (4, 0.67, Ok(())),
        (5, 0.99, Err(Reason::Filling)),
        (6, 0.99, Err(Reason::Full)),
    ] {
        let found = queue(held).may_wait(&caller(40, chance), &TERMS, now);
        assert_eq!(found, may, "{held} held, {chance}");
    }
    // Whoever is of a higher class takes the place of one who matters less.
    assert_eq!(queue(6).may_wait(&caller(70, 0.0), &TERMS, now), Ok(()));
    let (_, evicted) = queue(6).push(&caller(70, 0.0), 6, &TERMS, now);
    assert_eq!(evicted, Some(5), "the one who came last");
}

#[test]
fn who_waits_longer_than_an_interval_is_shed_and_what_the_outside_asks_for_comes_first() {
    let now = clock::now();
    let mut queue = Queue::new();
    queue.meet(&caller(40, 0.2), &TERMS, now);
    assert_eq!(queue.bear(&caller(40, 0.2), 0.0, false), Ok(()));
    assert_eq!(
        queue.bear(&caller(40, 0.2), 0.3, true),
        Err(Reason::Pressure)
    );
    assert_eq!(queue.bear(&caller(40, 0.4), 0.3, true), Ok(()));
    let (end, evicted) = queue.push(&caller(40, 0.2), 1, &TERMS, now);
    assert_eq!((end, evicted), (now + TERMS.interval, None));
    queue.push(&caller(40, 0.2), 2, &TERMS, now + MILLI);
    let mut shed = Vec::new();
    let next = queue.next(&TERMS, now + TERMS.interval, &mut shed);
    // Congested by now: the last one in is the first one out, and the other has waited enough.
    assert!(queue.is_congested());
    assert_eq!(next, Some(2));
    assert_eq!(shed, [(1, Reason::Delay)]);
    assert_eq!(queue.len(), 0);
    let later = now + TERMS.interval + MILLI;
    let (end, _) = queue.push(&caller(40, 0.2), 3, &TERMS, later);
    assert_eq!(end, later + TERMS.target, "no longer than the target");
}

#[test]
fn what_could_not_be_done_is_shed_on_arrival_unless_there_is_room() {
    let now = clock::now();
    let mut queue = Queue::new();
    let ordinary = caller(40, 0.0);
    queue.push(&ordinary, 0, &TERMS, now);
    let now = now + TERMS.interval;
    queue.look(&TERMS, now);
    assert!(queue.is_congested());
    // Ten come, eight of them too late, and four others start at once.
    for n in 1..=10 {
        queue.meet(&ordinary, &TERMS, now);
        if n <= 8 {
            queue.push(&ordinary, n, &TERMS, now);
            queue.remove(ordinary.level.class(), true, |id| *id == n, &TERMS, now);
        }
    }
    for _ in 0..4 {
        queue.start();
    }
    queue.look(&TERMS, now + TERMS.interval);
    // No more is shed than was not done: six of ten.
    for (chance, room, expected) in [
        (0.59, false, Err(Reason::Delay)),
        (0.59, true, Ok(())),
        (0.61, false, Ok(())),
    ] {
        let found = queue.bear(&caller(40, chance), 0.0, room);
        assert_eq!(found, expected, "{chance} {room}");
    }
}

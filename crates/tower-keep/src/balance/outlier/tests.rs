use std::time::Duration;

use proptest::prelude::*;

use super::{Change, Fleet, Moment, Out, OutlierConfig, Reason, Tally};

const SECOND: Duration = Duration::from_secs(1);
const BAD: Reason = Reason::InARow(5);

fn at(seconds: u32) -> Moment {
    Moment {
        now: SECOND * seconds,
        chance: 0.0,
        enforced: true,
    }
}

fn fleet(size: u64, config: OutlierConfig) -> Fleet {
    let mut fleet = Fleet::new(config, 0.5);
    (1..=size).for_each(|id| fleet.add(id));
    fleet
}

fn tallies(rates: &[(u64, u32, u32)]) -> Vec<(u64, Tally)> {
    let tally = |&(id, good, bad)| (id, Tally { good, bad });
    rates.iter().map(tally).collect()
}

fn ejected(fleet: &mut Fleet) -> Vec<u64> {
    let changes = fleet.take_changes().into_iter();
    let ids = changes.filter_map(|change| match change {
        Change::Ejected { id, .. } => Some(id),
        _ => None,
    });
    ids.collect()
}

#[test]
fn as_many_may_be_out_as_the_share_allows_and_one_always() {
    // size, share, how many of all that trip go out
    let table = [
        (1, 0.1, 1),
        (9, 0.1, 1),
        (10, 0.1, 1),
        (20, 0.1, 2),
        (10, 0.5, 5),
        (10, 0.0, 0),
        (3, 1.0, 3),
    ];
    for (size, max_ejected, expected) in table {
        let config = OutlierConfig {
            max_ejected,
            ..OutlierConfig::default()
        };
        let mut fleet = fleet(size, config);
        (1..=size).for_each(|id| fleet.trip(id, BAD, at(1)));
        assert_eq!(fleet.out_count(), expected, "{size} at {max_ejected}");
    }
}

#[test]
fn ejections_grow_to_the_cap_and_the_record_fades_while_it_is_healthy() {
    let mut fleet = fleet(2, OutlierConfig::default());
    let mut now = 0;
    let mut lengths = Vec::new();
    for _ in 0..12 {
        fleet.trip(1, BAD, at(now));
        let Some(Out::Until(until)) = fleet.out(1) else {
            panic!("it is out")
        };
        lengths.push((until - SECOND * now).as_secs());
        now = until.as_secs() as u32;
        fleet.take_back(until);
        assert_eq!(fleet.out(1), None);
    }
    assert_eq!(lengths[..3], [30, 60, 90]);
    assert_eq!(lengths[9..], [300, 300, 300]);
    // It was in for none of the first interval, and for all of the four that follow.
    for _ in 0..5 {
        now += 10;
        fleet.sweep(&[], at(now));
    }
    fleet.trip(1, BAD, at(now));
    assert_eq!(fleet.out(1), Some(Out::Until(SECOND * (now + 30 * 9))));
    // Nobody asks for an hour: the record is clear.
    fleet.take_back(SECOND * (now + 300));
    fleet.sweep(&[], at(now + 3600));
    fleet.sweep(&[], at(now + 7200));
    fleet.trip(1, BAD, at(now + 7200));
    assert_eq!(fleet.out(1), Some(Out::Until(SECOND * (now + 7230))));
}

#[test]
fn who_is_far_below_the_mean_is_ejected_the_worst_first() {
    let config = || OutlierConfig {
        max_ejected: 0.5,
        ..OutlierConfig::default()
    };
    let even = [(1, 100, 0), (2, 100, 0), (3, 99, 1), (4, 100, 0)];
    // with a fifth, who goes
    let table = [
        ((5, 60, 40), vec![5]),
        // One of equals is always the worst.
        ((5, 97, 3), vec![]),
        // Too few calls to say.
        ((5, 0, 99), vec![]),
    ];
    for (fifth, expected) in table {
        let mut fleet = fleet(5, config());
        let mut rates = even.to_vec();
        rates.push(fifth);
        fleet.sweep(&tallies(&rates), at(10));
        assert_eq!(ejected(&mut fleet), expected, "{fifth:?}");
    }
    // Too few endpoints for a mean, but a share is a share.
    let mut small = fleet(2, config());
    small.sweep(&tallies(&[(1, 60, 40), (2, 100, 0)]), at(10));
    assert!(ejected(&mut small).is_empty());
    small.sweep(&tallies(&[(1, 10, 90), (2, 100, 0)]), at(20));
    assert_eq!(ejected(&mut small), [1]);
}

#[test]
fn a_panic_begins_below_the_threshold() {
    let config = OutlierConfig {
        max_ejected: 1.0,
        ..OutlierConfig::default()
    };
    let mut fleet = fleet(4, config);
    let mut panics = Vec::new();
    for id in 1..=4 {
        fleet.trip(id, BAD, at(1));
        panics.push(fleet.is_panicking());
    }
    assert_eq!(panics, [false, false, true, true]);
}

#[test]
fn what_is_not_enforced_is_only_told_and_what_is_forced_stays() {
    let mut fleet = fleet(3, OutlierConfig::default());
    let dry = Moment {
        enforced: false,
        ..at(1)
    };
    fleet.trip(1, BAD, dry);
    assert_eq!(fleet.out(1), None);
    assert!(matches!(
        fleet.take_changes()[..],
        [Change::WouldBeEjected { id: 1, .. }]
    ));
    fleet.force_out(2);
    fleet.force_out(3);
    fleet.take_back(SECOND * 100_000);
    assert_eq!(
        fleet.out_count(),
        2,
        "by hand, beyond the share and for good"
    );
    fleet.force_in(2);
    assert_eq!(fleet.out(2), None);
}

#[derive(Clone, Debug)]
enum Step {
    Add(u64),
    Remove(u64),
    Trip(u64),
    Sweep(Vec<(u64, u32, u32)>),
    Wait(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 1..12_u64;
    let step = prop_oneof![
        id.clone().prop_map(Step::Add),
        id.clone().prop_map(Step::Remove),
        id.clone().prop_map(Step::Trip),
        prop::collection::vec((id, 0..200_u32, 0..200_u32), 0..12).prop_map(Step::Sweep),
        (1..400_u32).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happens: no more go out than may, for no longer than may, and all come back.
    #[test]
    fn ejections_keep_their_bounds(steps in steps(), share in 0.0..1.0_f64, chance in 0.0..=1.0_f64) {
        let config = OutlierConfig { max_ejected: share, ..OutlierConfig::default() };
        let (base, max) = (config.base, config.max);
        let mut fleet = Fleet::new(config, 0.5);
        let mut size = std::collections::BTreeSet::new();
        let mut now = 0;
        for step in steps {
            let at = Moment { chance, ..at(now) };
            match step {
                Step::Add(id) => { fleet.add(id); size.insert(id); }
                Step::Remove(id) => { fleet.remove(id); size.remove(&id); }
                Step::Trip(id) => fleet.trip(id, BAD, at),
                Step::Sweep(rates) => fleet.sweep(&tallies(&rates), at),
                Step::Wait(seconds) => { now += seconds; fleet.take_back(SECOND * now); }
            }
            for change in fleet.take_changes() {
                if let Change::Ejected { id, lasts, .. } = change {
                    prop_assert!(size.contains(&id));
                    prop_assert!(base <= lasts && lasts <= max);
                    let allowed = (size.len() as f64 * share) as usize;
                    prop_assert!(fleet.out_count() <= allowed.max(1));
                }
            }
            prop_assert!(fleet.due() > SECOND * now || fleet.is_sweep_due(SECOND * now));
        }
        fleet.take_back(SECOND * now + max);
        prop_assert_eq!(fleet.out_count(), 0);
    }
}

#[test]
fn an_ejection_is_longer_by_chance_and_never_beyond_the_cap() {
    let config = OutlierConfig {
        jitter: 0.5,
        max_ejected: 1.0,
        ..OutlierConfig::default()
    };
    for (chance, trips, seconds) in [(0.0, 1, 30), (1.0, 1, 45), (0.5, 2, 75), (1.0, 9, 300)] {
        let mut fleet = fleet(1, config.clone());
        let mut lasted = Duration::ZERO;
        for _ in 0..trips {
            fleet.trip(1, BAD, Moment { chance, ..at(5) });
            let Some(Change::Ejected { id: 1, lasts, .. }) = fleet.take_changes().pop() else {
                panic!("it goes out");
            };
            assert_eq!(fleet.out(1), Some(Out::Until(at(5).now + lasts)));
            lasted = lasts;
            fleet.take_back(at(5).now + lasts);
        }
        assert_eq!(lasted.as_secs(), seconds, "{trips} at {chance}");
    }
}

#[test]
fn who_is_out_or_unknown_is_not_put_out_again_nor_is_anybody_if_it_is_off() {
    let mut off = fleet(
        3,
        OutlierConfig {
            enabled: false,
            ..OutlierConfig::default()
        },
    );
    off.trip(1, BAD, at(1));
    assert_eq!(off.out(1), None);
    let mut fleet = fleet(3, OutlierConfig::default());
    fleet.trip(9, BAD, at(1));
    assert!(fleet.take_changes().is_empty());
    fleet.force_out(1);
    fleet.force_out(1);
    assert_eq!(fleet.take_changes(), [Change::ForcedOut { id: 1 }]);
    fleet.trip(1, BAD, at(1));
    assert_eq!(fleet.out(1), Some(Out::Forced));
    fleet.force_in(1);
    fleet.force_in(1);
    let told = [Change::Returned {
        id: 1,
        forced: true,
    }];
    assert_eq!(fleet.take_changes(), told, "told once");
    fleet.trip(1, BAD, at(2));
    fleet.remove(1);
    assert_eq!((fleet.out_count(), fleet.out(1)), (0, None));
}

#[test]
fn it_comes_back_when_its_time_is_up_and_with_a_clean_record_if_by_hand() {
    let config = OutlierConfig {
        max_ejected: 1.0,
        ..OutlierConfig::default()
    };
    let mut fleet = fleet(3, config);
    assert_eq!(fleet.next_return(), None);
    fleet.trip(1, BAD, at(0));
    fleet.force_out(2);
    fleet.trip(3, BAD, at(1));
    assert_eq!(fleet.next_return(), Some(SECOND * 30), "not the forced one");
    fleet.take_back(SECOND * 30 - Duration::from_nanos(1));
    assert_eq!(fleet.out_count(), 3);
    fleet.take_changes();
    fleet.take_back(SECOND * 30);
    let told = [Change::Returned {
        id: 1,
        forced: false,
    }];
    assert_eq!(fleet.take_changes(), told);
    fleet.force_in(3);
    fleet.trip(3, BAD, at(40));
    assert_eq!(fleet.out(3), Some(Out::Until(SECOND * 70)), "as the first");
}

#[test]
fn something_happens_at_the_end_of_an_interval_or_when_the_first_comes_back() {
    let interval = OutlierConfig::default().interval;
    let mut fleet = fleet(1, OutlierConfig::default());
    assert_eq!(fleet.due(), interval);
    assert!(!fleet.is_sweep_due(interval - Duration::from_nanos(1)));
    assert!(fleet.is_sweep_due(interval));
    let short = OutlierConfig {
        base: SECOND,
        ..OutlierConfig::default()
    };
    fleet.update(short.clone(), 0.5, SECOND * 3);
    assert_eq!(fleet.due(), interval, "no later than it was to be");
    fleet.trip(1, BAD, at(4));
    assert_eq!(fleet.due(), SECOND * 5);
    fleet.take_back(SECOND * 5);
    let shorter = OutlierConfig {
        interval: SECOND,
        ..short
    };
    fleet.update(shorter, 0.5, SECOND * 5);
    assert_eq!(fleet.due(), SECOND * 6);
    fleet.sweep(&[], at(7));
    assert_eq!(fleet.due(), SECOND * 8);
}

#[test]
fn each_interval_that_passed_clears_one_from_the_record() {
    let config = OutlierConfig {
        max_ejected: 1.0,
        ..OutlierConfig::default()
    };
    for (sweeps, times) in [
        (&[300, 310][..], 4),
        (&[300, 320], 3),
        (&[300, 319], 4),
        (&[300, 330], 2),
        (&[300, 310, 320], 3),
    ] {
        let mut fleet = fleet(1, config.clone());
        for _ in 0..4 {
            fleet.trip(1, BAD, at(0));
            fleet.take_back(SECOND * 299);
        }
        for seconds in sweeps {
            fleet.sweep(&[], at(*seconds));
        }
        fleet.take_changes();
        fleet.trip(1, BAD, at(400));
        let lasts = SECOND * 30 * times;
        assert_eq!(
            fleet.out(1),
            Some(Out::Until(SECOND * 400 + lasts)),
            "{sweeps:?}"
        );
    }
}

#[test]
fn a_rate_is_reached_or_far_below_the_mean_by_all_that_is_asked_for() {
    let by = |deviations, min_gap, failure_share, rates: &[(u64, u32, u32)]| {
        let config = OutlierConfig {
            max_ejected: 1.0,
            min_calls: 10,
            min_endpoints: 3,
            deviations,
            min_gap,
            failure_share,
            ..OutlierConfig::default()
        };
        let mut fleet = fleet(rates.len() as u64, config);
        fleet.sweep(&tallies(rates), at(10));
        ejected(&mut fleet)
    };
    // A share, once there are calls enough.
    let rates = [(1, 5, 5), (2, 6, 4), (3, 0, 9), (4, 1, 9)];
    assert_eq!(by(None, 0.0, Some(0.5), &rates), [4, 1]);
    // Rates of 1, 1, 1 and 0.5: the mean is 0.875, a deviation 0.2165.
    let rates = [(1, 10, 0), (2, 10, 0), (3, 10, 0), (4, 5, 5)];
    assert_eq!(by(Some(1.7), 0.0, None, &rates), [4]);
    assert!(by(Some(1.8), 0.0, None, &rates).is_empty());
    assert!(
        by(Some(1.7), 0.375, None, &rates).is_empty(),
        "just the gap"
    );
    assert_eq!(by(Some(1.7), 0.374, None, &rates), [4]);
    let rates = [(1, 10, 0), (2, 5, 5), (3, 10, 0)];
    assert_eq!(by(Some(1.0), 0.0, None, &rates), [2], "three are enough");
    assert!(by(Some(1.0), 0.0, None, &rates[..2]).is_empty());
    // Without a call there is no rate, and nothing to divide by.
    assert!(by(None, 0.0, Some(0.5), &[(1, 10, 0), (2, 0, 0)]).is_empty());
}

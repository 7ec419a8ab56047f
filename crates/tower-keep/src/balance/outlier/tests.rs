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

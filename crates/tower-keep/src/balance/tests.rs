use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{
    BalanceConfig, Flight,
    core::Core,
    endpoint::Endpoint,
    load::{Latency, share},
    outlier::Out,
    pick::{Member, Sight},
};
use crate::{
    classify::{Judgment, Verdict},
    common::clock,
    config::Enforce,
    observe::EventKind,
    protocol::Wire,
};

const DECAY: Duration = Duration::from_secs(10);
const MILLI: Duration = Duration::from_millis(1);

#[test]
fn a_latency_jumps_up_and_comes_down_with_time() {
    let estimate = |latency: Latency, at| latency.at(at, DECAY).map(|nanos| (nanos / 1e6).round());
    let unknown = Latency::UNKNOWN;
    assert_eq!(unknown.at(5, DECAY), None);
    assert_eq!(
        unknown.after(MILLI, true, 5, DECAY),
        unknown,
        "a failure is no latency"
    );
    let slow = unknown.after(MILLI * 100, false, 0, DECAY);
    assert_eq!(estimate(slow, 0), Some(100.0));
    assert_eq!(estimate(slow, 10_000), Some(37.0), "nothing more was heard");
    let same = slow.after(MILLI * 10, false, 0, DECAY);
    assert_eq!(same, slow, "no time has passed");
    let better = slow.after(MILLI * 10, false, 10_000, DECAY);
    assert_eq!(
        estimate(better, 10_000),
        Some(43.0),
        "36.8 % of it, and the rest of 10"
    );
    let peak = better.after(MILLI * 500, false, 10_001, DECAY);
    assert_eq!(estimate(peak, 10_001), Some(500.0));
    assert_eq!(
        peak.after(MILLI, true, 20_000, DECAY),
        peak,
        "who fails fast is not fast"
    );
    // The lower half of the clock turns over.
    let late = unknown.after(MILLI * 100, false, u64::from(u32::MAX), DECAY);
    assert_eq!(estimate(late, u64::from(u32::MAX) + 10_001), Some(37.0));
}

#[test]
fn a_clock_that_was_read_before_another_forgets_nothing() {
    // Two calls end at once: the one that read the clock first comes second.
    let slow = Latency::UNKNOWN.after(MILLI * 100, false, 5_000, DECAY);
    for early in [4_999, 4_990, 4_000] {
        assert_eq!(slow.at(early, DECAY), slow.at(5_000, DECAY), "{early}");
        assert_eq!(slow.after(MILLI, false, early, DECAY), slow, "{early}");
    }
    let turned_over = Latency::UNKNOWN.after(MILLI, false, 1 << 32, DECAY);
    assert_eq!(
        turned_over.at((1 << 32) - 1, DECAY),
        turned_over.at(1 << 32, DECAY)
    );
}

#[tokio::test(start_paused = true)]
async fn a_row_of_failures_is_one_ejection_whether_it_is_carried_out_or_not() {
    let mut config = BalanceConfig::default();
    config.outlier.enforce = Enforce::DRY_RUN;
    let core = Core::new(config).unwrap();
    let endpoint = Arc::new(Endpoint::new(core.clone(), 1, "a".to_owned(), 0));
    core.add(&endpoint);
    let mut told = core.emitter.subscribe(64);
    let failure = Judgment::Final(Verdict::failure());
    for _ in 0..20 {
        let mut flight = Flight::begin(&endpoint, clock::now());
        flight.answered(Wire::Http, failure, false);
    }
    let mut would = 0;
    while let Some(event) = told.try_next() {
        would += usize::from(matches!(
            event.kind,
            EventKind::EndpointChanged {
                change: "would_be_ejected",
                ..
            }
        ));
    }
    assert_eq!(would, 4, "each row of five is asked about once");
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_by_what_changes_and_not_by_the_end_of_an_interval() {
    let config = BalanceConfig::default();
    let core = Core::new(config.clone()).unwrap();
    let endpoint = Arc::new(Endpoint::new(core.clone(), 1, "a".to_owned(), 0));
    let wakes = |work: &dyn Fn()| {
        let mut waits = Box::pin(core.changed.clone().notified_owned());
        assert!(!waits.as_mut().enable());
        work();
        waits.as_mut().enable()
    };
    assert!(wakes(&|| core.add(&endpoint)));
    let later = clock::now() + config.outlier.interval;
    assert!(!wakes(&|| core.advance(later)), "nobody has come or gone");
    assert!(wakes(&|| _ = core.force_out("a")));
    assert!(core.is_panicking(), "nobody is in");
    assert!(wakes(&|| _ = core.force_in("a")));
    assert!(wakes(&|| core.update(config.clone()).unwrap()));
    assert!(wakes(&|| core.remove(&endpoint, "gone")));
}

#[test]
fn a_newcomer_comes_to_its_share_in_a_straight_line() {
    let shares = [0, 5, 10, 20].map(|s| share(Duration::from_secs(s), DECAY));
    assert_eq!(
        shares.map(|share| (share * 100.0_f64).round()),
        [10.0, 55.0, 100.0, 100.0]
    );
    assert_eq!(share(Duration::ZERO, Duration::ZERO), 1.0);
}

/// Endpoints with so many calls each.
fn members(pending: &[u32]) -> Vec<Arc<Member<usize>>> {
    let core = Core::new(BalanceConfig::default()).unwrap();
    let member = |(service, &pending): (usize, &u32)| {
        let endpoint = Arc::new(Endpoint::new(
            core.clone(),
            service as u64 + 1,
            String::new(),
            0,
        ));
        (0..pending).for_each(|_| endpoint.begin());
        Arc::new(Member { endpoint, service })
    };
    pending.iter().enumerate().map(member).collect()
}

/// An hour after the start: nobody is new.
fn sight(config: &BalanceConfig) -> Sight<'_> {
    Sight {
        config,
        panicking: false,
        now: 3_600_000,
    }
}

/// How often each is picked in 10,000.
fn picks(sight: Sight<'_>, members: &[Arc<Member<usize>>]) -> Vec<usize> {
    let mut picks = vec![0; members.len()];
    for _ in 0..10_000 {
        if let Some(member) = sight.pick(members, |_| false) {
            picks[member.service] += 1;
        }
    }
    picks
}

#[test]
fn who_is_out_or_skipped_is_not_picked_unless_there_is_a_panic() {
    fastrand::seed(1);
    let config = BalanceConfig::default();
    let members = members(&[0; 20]);
    for member in &members[..18] {
        member.endpoint.set_out(Some(Out::Until(DECAY)), 0);
    }
    members[0].endpoint.set_out(Some(Out::Forced), 0);
    let calm = picks(sight(&config), &members);
    assert_eq!(calm[..18], [0; 18], "chance finds two of twenty seldom");
    assert!((4_500..5_500).contains(&calm[18]), "{calm:?}");
    let panicking = Sight {
        panicking: true,
        ..sight(&config)
    };
    let panic = picks(panicking, &members);
    assert!(
        panic[1..].iter().all(|&picks| picks > 300) && panic[0] == 0,
        "{panic:?}"
    );
    assert!(sight(&config).pick(&members, |_| true).is_none());
}

#[test]
fn a_newcomer_gets_its_share_and_not_all_though_it_is_idle() {
    fastrand::seed(2);
    let config = BalanceConfig::default();
    let members = members(&[3, 3, 3, 3]);
    let new = Endpoint::new(
        members[0].endpoint.core.clone(),
        9,
        String::new(),
        3_600_000,
    );
    let mut members = members;
    members.push(Arc::new(Member {
        endpoint: Arc::new(new),
        service: 4,
    }));
    let share = |age: u64| {
        let now = 3_600_000 + age;
        let sight = Sight {
            now,
            ..sight(&config)
        };
        picks(sight, &members)[4]
    };
    // Of all calls, it is among the two of 40 %.
    let [new, half, full] = [0, 5_000, 10_000].map(share);
    assert!((250..550).contains(&new), "{new}");
    assert!((1_900..2_500).contains(&half), "{half}");
    assert!((3_700..4_300).contains(&full), "{full}");
}

#[test]
fn a_failure_outweighs_load_and_is_forgotten() {
    fastrand::seed(3);
    let config = BalanceConfig::default();
    let members = members(&[0, 50]);
    let now = sight(&config).now;
    members[0].endpoint.rest(Duration::from_secs(5), now);
    assert_eq!(picks(sight(&config), &members), [0, 10_000]);
    let later = Sight {
        now: now + 5_000,
        ..sight(&config)
    };
    assert_eq!(picks(later, &members), [10_000, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Power of two choices: who has less to do is picked at least as often, and the busiest never
    /// unless another is as busy.
    #[test]
    fn lower_load_is_preferred(pending in prop::collection::vec(0..20_u32, 2..10), seed: u64) {
        fastrand::seed(seed);
        let config = BalanceConfig::default();
        let picks = picks(sight(&config), &members(&pending));
        for (one, &load) in pending.iter().enumerate() {
            for (other, &other_load) in pending.iter().enumerate() {
                if load < other_load {
                    prop_assert!(picks[one] + 500 > picks[other], "{pending:?}: {picks:?}");
                }
            }
        }
        let most = *pending.iter().max().unwrap();
        let busiest: Vec<_> = (0..pending.len()).filter(|&one| pending[one] == most).collect();
        if let [only] = busiest[..] {
            prop_assert_eq!(picks[only], 0, "{:?}: {:?}", pending, picks);
        }
    }
}

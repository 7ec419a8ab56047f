//! What ours has to reach, in every scenario: the slice of the bench that always runs.

use std::time::Duration;

use outcomes::{
    contenders::{Naive, Ours},
    noticing,
    scenarios::{self, Detection},
};
use tower_keep_test::assert_slo;

const MINUTE: Duration = Duration::from_secs(60);

/// One test for each scenario, so that they run side by side and fail by name.
macro_rules! holds {
    ($($test:ident: $id:literal),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                let scenario = scenarios::all().into_iter().find(|one| one.id == $id);
                let scenario = scenario.expect("a scenario with this id");
                scenario.hold_to(&scenario.run(&Ours));
            }
        )*

        #[test]
        fn every_scenario_has_a_test() {
            let ids: Vec<_> = scenarios::all().iter().map(|one| one.id).collect();
            assert_eq!(ids, [$($id),*]);
        }
    };
}

holds! {
    an_outage_in_which_calls_hang: "outage",
    an_outage_in_which_calls_are_refused: "outage-refused",
    a_brown_out: "brown-out",
    a_replica_that_fails_fast: "replica",
    a_retry_storm_that_only_clients_can_stop: "storm",
    a_retry_storm: "storm-server",
    an_overload_with_two_priorities: "overload",
    slow_clients_that_hold_bodies: "readers",
    a_quota: "quota",
    a_chain_in_which_each_hop_retries: "chain",
}

#[test]
fn an_outage_is_noticed_within_ten_calls_after_any_uptime() {
    for uptime in [MINUTE, 5 * MINUTE] {
        let detection = Detection::outage(uptime);
        detection.hold_to(&detection.run(&Ours));
    }
}

#[test]
fn half_of_the_calls_failing_is_noticed_within_two_seconds_after_any_uptime() {
    for uptime in [MINUTE, 2 * MINUTE] {
        let detection = Detection::half(uptime);
        detection.hold_to(&detection.run(&Ours));
    }
}

#[test]
fn half_of_the_calls_failing_is_noticed_within_two_seconds_nearly_always() {
    let times = noticing::noticed(0.5);
    let soon = noticing::soon(&times);
    assert!(
        soon * 100 >= 88 * noticing::RUNS,
        "{soon} of {}",
        noticing::RUNS
    );
}

#[test]
fn no_rule_at_all_tells_two_fifths_from_a_half_in_two_seconds() {
    assert!(noticing::least_openings(0.4) > 100.0);
    assert!(noticing::least_openings(0.25) < 0.001);
}

#[test]
fn a_run_can_be_repeated() {
    for scenario in scenarios::all() {
        if ["overload", "brown-out"].contains(&scenario.id) {
            assert_eq!(scenario.run(&Ours), scenario.run(&Ours), "{}", scenario.id);
        }
    }
}

#[test]
fn the_storm_is_one_naive_retries_never_end_it() {
    let scenario = scenarios::all().into_iter().find(|one| one.id == "storm");
    let naive = scenario.expect("a scenario with this id").run(&Naive);
    assert_slo!(naive, amplification() >= 3.0);
    assert_slo!(naive, time_to_recover() >= Duration::MAX);
}

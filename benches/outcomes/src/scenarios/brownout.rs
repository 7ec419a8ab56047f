use tower_keep_test::{
    assert_slo,
    sim::{Fault, Report, Sim},
};

use super::{FAULT, LASTING, SEED, Scenario, Setting, both, everybody, secs, service};

/// A fifth of the capacity is left.
pub(super) fn scenario() -> Scenario {
    let sim = Sim::new("brown-out", SEED)
        .lasting(LASTING)
        .fault(FAULT)
        .customers(everybody());
    Scenario {
        id: "brown-out",
        title: "brown-out to 20 %",
        what: "The same service works at a fifth of its speed for 30 s: 40 of 140 calls a second."
            .to_owned(),
        sim,
        customers: "all",
        capacity: service().capacity(),
        setting: Setting::default(),
        build: |contender, setting, world| {
            both(
                contender,
                setting,
                world,
                &service().during(FAULT, Fault::BrownOut(0.2)),
            )
        },
        slo,
    }
}

fn slo(ours: &Report) {
    assert_slo!(ours, goodput(ours.during()) >= 25.0);
    assert_slo!(ours, amplification() <= 1.2);
    assert_slo!(ours, time_to_recover() <= secs(5));
}

use tower_keep_test::{
    assert_slo,
    sim::{Fault, Report, Sim, Upstream},
};

use super::{FAULT, FLEET, LASTING, SEED, Scenario, Setting, everybody, fleet, secs, work};

const REPLICAS: usize = 10;

/// One replica answers 500, and at once.
pub(super) fn scenario() -> Scenario {
    let sim = Sim::new("bad replica", SEED)
        .lasting(LASTING)
        .fault(FAULT)
        .customers(everybody());
    Scenario {
        id: "replica",
        title: "1 of 10 replicas fails fast",
        what: "Ten replicas with two workers each; one of them answers 500 at once for 30 s, and so looks \
               like the least busy one."
            .to_owned(),
        sim,
        customers: "all",
        capacity: 400.0,
        setting: Setting::default(),
        build: |contender, setting, world| {
            let replica = |at: usize| {
                let replica = Upstream::new(format!("replica {at}"), 2, work());
                let bad = at == 0;
                if bad { replica.during(FAULT, Fault::Fails(1.0)) } else { replica }.open(world)
            };
            let replicas: Vec<_> = (0..REPLICAS).map(replica).collect();
            fleet(FLEET, || contender.balanced(setting, replicas.clone()))
        },
        slo,
    }
}

fn slo(ours: &Report) {
    assert_slo!(ours, amplification() <= 1.2);
    assert_slo!(ours, good_share(FAULT) >= 0.999);
    assert_slo!(ours, time_to_recover() <= secs(5));
}

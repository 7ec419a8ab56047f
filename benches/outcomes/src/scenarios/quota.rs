use tower_keep_test::{
    assert_slo,
    sim::{Fault, Report, Sim},
};

use super::{FAULT, FLEET, LASTING, SEED, Scenario, Setting, everybody, fleet, secs, service};

const QUOTA: Fault = Fault::Limited {
    per_second: 60,
    retry_after: secs(2),
};

/// An API that says no, and when.
pub(super) fn scenario() -> Scenario {
    let customers = everybody().patience(secs(5));
    let sim = Sim::new("quota", SEED)
        .lasting(LASTING)
        .fault(FAULT)
        .customers(customers);
    Scenario {
        id: "quota",
        title: "429s with Retry-After",
        what: "For 30 s the service, somebody else's, takes 60 calls in a second and answers the rest 429 \
               with `Retry-After: 2`. Customers wait 5 s."
            .to_owned(),
        sim,
        customers: "all",
        capacity: service().capacity(),
        setting: Setting { quota: true, call: secs(5), ..Setting::default() },
        build: |contender, setting, world| {
            let server = service().during(FAULT, QUOTA).open(world);
            fleet(FLEET, || contender.client(setting, server.clone()))
        },
        slo,
    }
}

fn slo(ours: &Report) {
    assert_slo!(ours, amplification() <= 1.2);
    assert_slo!(ours, goodput(FAULT) >= 0.9 * 60.0);
    assert_slo!(ours, time_to_recover() <= secs(5));
}

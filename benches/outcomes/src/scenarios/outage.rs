use tower_keep_test::{
    assert_slo,
    sim::{Fault, Report, Sim},
};

use super::{FAULT, LASTING, SEED, Scenario, Setting, both, everybody, secs, service};

/// Calls go in and nothing comes back.
pub(super) fn hanging() -> Scenario {
    Scenario {
        id: "outage",
        title: "30 s outage, calls hang",
        build: |contender, setting, world| {
            both(
                contender,
                setting,
                world,
                &service()
                    .during(FAULT, Fault::Hangs)
                    .cold_start(secs(2), 0.5),
            )
        },
        ..refused()
    }
}

/// Connections are refused.
pub(super) fn refused() -> Scenario {
    let sim = Sim::new("outage", SEED)
        .lasting(LASTING)
        .fault(FAULT)
        .customers(everybody());
    Scenario {
        id: "outage-refused",
        title: "30 s outage, calls refused",
        what: "A service that can do 200 calls a second gets 140 from 10 clients, is away for 30 s, and \
               comes back cold: at half of its speed, at all of it after 2 s."
            .to_owned(),
        sim,
        customers: "all",
        capacity: service().capacity(),
        setting: Setting::default(),
        build: |contender, setting, world| {
            both(contender, setting, world, &service().during(FAULT, Fault::Refused).cold_start(secs(2), 0.5))
        },
        slo,
    }
}

fn slo(ours: &Report) {
    assert_slo!(ours, amplification() <= 1.2);
    assert_slo!(ours, time_to_protect() <= secs(5));
    assert_slo!(ours, time_to_recover() <= secs(5));
    assert_slo!(ours, good_share(secs(5)..secs(20)) >= 0.99);
}

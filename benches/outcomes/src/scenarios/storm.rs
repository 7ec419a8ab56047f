use std::{ops::Range, time::Duration};

use tower_keep_test::{
    assert_slo,
    sim::{Customers, Fault, Load, Sim},
};

use super::{LASTING, SEED, Scenario, Setting, fleet, secs, service};

const BLIP: Range<Duration> = secs(20)..secs(25);

/// A pause, and what the retries make of it.
pub(super) fn clients() -> Scenario {
    let customers = Customers::new("all", Load::steady(160.0));
    let sim = Sim::new("retry storm", SEED)
        .lasting(LASTING)
        .fault(BLIP)
        .customers(customers);
    Scenario {
        id: "storm",
        title: "retry storm after a 5 s blip",
        what: "200 clients of a service that is somebody else's, so with layers on the clients alone, ask \
               160 times a second for what it can do 200 times. It stands still for 5 s, and works on \
               what has queued up, also for those who have gone. Does it come back by itself? No layer \
               of a client that makes a call in a second can know much: without any retries it takes \
               13 s. Budgets have no floor here, since 200 times ten retries a second are none."
            .to_owned(),
        sim,
        customers: "all",
        capacity: service().capacity(),
        setting: Setting { floor: 0, ..Setting::default() },
        build: |contender, setting, world| {
            let server = service().during(BLIP, Fault::Pause).open(world);
            fleet(200, || contender.client(setting, server.clone()))
        },
        slo: |ours| {
            assert_slo!(ours, amplification() <= 1.2);
            assert_slo!(ours, time_to_recover() <= secs(25));
        },
    }
}

/// The same, and the service is one's own.
pub(super) fn both_sides() -> Scenario {
    Scenario {
        id: "storm-server",
        title: "the same, server with layers too",
        what: "The same storm, with layers on the server as well.".to_owned(),
        build: |contender, setting, world| {
            let service = service().during(BLIP, Fault::Pause);
            let server = service.behind(world, |work| contender.server(setting, work));
            fleet(200, || contender.client(setting, server.clone()))
        },
        slo: |ours| {
            assert_slo!(ours, amplification() <= 1.2);
            assert_slo!(ours, time_to_recover() <= secs(5));
        },
        ..clients()
    }
}

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
               what has queued up, also for those who have gone. Does it come back by itself? Without any \
               retries it takes 13 s, until the queue is short enough for answers within the 2 s that \
               customers wait, and about 18 s for those within the 500 ms of an attempt; less is for those who send \
               less. No client that makes a call in a second can know much, and none knows what the others \
               know: by three failures in a row the 200 have sent 600 calls, 3 s of work that nobody waits \
               for, a breaker is open for 1 to 2 s, and it takes another second or two until the next call \
               of each asks again. One that opens at the first failure is back after 4.2 s, after two 5.8 s; \
               but such a breaker opens all the time in front of any service that ever fails. Budgets have \
               no floor here, since 200 times ten retries a second are none, and 200 times one are none \
               either."
            .to_owned(),
        sim,
        customers: "all",
        capacity: service().capacity(),
        setting: Setting {
            floor: Some(0),
            few: true,
            ..Setting::default()
        },
        build: |contender, setting, world| {
            let server = service().during(BLIP, Fault::Pause).open(world);
            fleet(200, || contender.client(setting, server.clone()))
        },
        slo: |ours| {
            assert_slo!(ours, amplification() <= 1.2);
            assert_slo!(ours, time_to_recover() <= secs(10));
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

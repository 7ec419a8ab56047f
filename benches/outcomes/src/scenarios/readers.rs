use tower_keep_test::{
    assert_slo,
    sim::{Customers, Latency, Load, Report, Sim, Upstream},
};

use super::{FAULT, LASTING, SEED, Scenario, Setting, secs};

/// Bodies that nobody takes away.
pub(super) fn scenario() -> Scenario {
    let slow = Load::steady(0.0)
        .then(FAULT.start, 3.0)
        .then(FAULT.end, 0.0);
    let slow = Customers::new("slow", slow)
        .patience(secs(100))
        .reading_a_frame_every(secs(2));
    let sim = Sim::new("slow clients", SEED).lasting(LASTING).fault(FAULT);
    Scenario {
        id: "readers",
        title: "slow clients hold bodies",
        what: "A server writes 30 frames from a cursor, of which it has 50. For 30 s three clients more \
               come each second who read one frame in 2 s. The table shows the others, 100 a second."
            .to_owned(),
        sim: sim.customers(Customers::new("others", Load::steady(100.0))).customers(slow),
        customers: "others",
        capacity: upstream().capacity(),
        setting: Setting { workers: 50, ..Setting::default() },
        build: |contender, setting, world| {
            vec![upstream().behind(world, |work| contender.server(setting, work))]
        },
        slo,
    }
}

fn upstream() -> Upstream {
    Upstream::new(
        "service",
        50,
        Latency::exponential(std::time::Duration::from_millis(20)),
    )
    .streams(30)
}

fn slo(ours: &Report) {
    let others = ours.only("others");
    assert_slo!(others, good_share(FAULT) >= 0.99);
    assert_slo!(others, time_to_recover() <= secs(5));
}

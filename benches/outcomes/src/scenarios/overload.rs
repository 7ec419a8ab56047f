use std::{ops::Range, time::Duration};

use tower_keep_test::{
    assert_slo,
    sim::{Customers, Load, Report, Sim},
};

use super::{SEED, Scenario, Setting, secs, service};

const FLOOD: Range<Duration> = secs(20)..secs(50);

/// Three times what it can do, a fifth of which matters.
pub(super) fn scenario() -> Scenario {
    let load = |share: f64| {
        let calm = 100.0 * share;
        Load::steady(calm)
            .then(FLOOD.start, 600.0 * share)
            .then(FLOOD.end, calm)
    };
    let critical = Customers::new("critical", load(0.2)).header("priority", "u=0");
    let rest = Customers::new("rest", load(0.8)).header("priority", "u=5");
    let sim = Sim::new("overload", SEED).lasting(secs(70)).fault(FLOOD);
    Scenario {
        id: "overload",
        title: "3x overload, two priorities",
        what: "600 calls a second for 30 s at a server that can do 200, with layers on the server alone. \
               One call in five is critical; the table shows these."
            .to_owned(),
        sim: sim.customers(critical).customers(rest),
        customers: "critical",
        capacity: service().capacity(),
        setting: Setting { priorities: true, ..Setting::default() },
        build: |contender, setting, world| {
            vec![service().behind(world, |work| contender.server(setting, work))]
        },
        slo,
    }
}

fn slo(ours: &Report) {
    assert_slo!(
        ours,
        goodput(secs(22)..secs(50)) >= 0.9 * service().capacity()
    );
    assert_slo!(ours.only("critical"), good_share(FLOOD) >= 0.98);
    assert_slo!(ours, time_to_recover() <= secs(5));
}

use std::time::Duration;

use tower_keep_test::{
    assert_slo,
    sim::{Client, Customers, Fault, Latency, Load, Report, Sim, Upstream, World},
};

use super::{Contender, FAULT, FLEET, LASTING, SEED, Scenario, Setting, fleet, secs, service};

/// Three services deep, and each hop asks again.
pub(super) fn scenario() -> Scenario {
    let customers = Customers::new("all", Load::steady(100.0));
    let sim = Sim::new("chain", SEED)
        .lasting(LASTING)
        .fault(FAULT)
        .customers(customers);
    Scenario {
        id: "chain",
        title: "a chain, each hop retries",
        what: "Clients call a gateway, it calls orders, and orders calls payments, each with layers on both \
               sides; for 30 s payments answers 500 to nine of ten calls. Amplification is payments'."
            .to_owned(),
        sim,
        customers: "all",
        capacity: service().capacity(),
        setting: Setting { workers: 100, ..Setting::default() },
        build: |contender, setting, world| {
            let payments = service().during(FAULT, Fault::Fails(0.9));
            let last = Setting { workers: super::WORKERS, ..*setting };
            let payments = payments.behind(world, |work| contender.server(&last, work));
            let orders = hop("orders", contender, setting, world, &payments);
            let gateway = hop("gateway", contender, setting, world, &orders);
            fleet(FLEET, || contender.client(setting, gateway.clone()))
        },
        slo,
    }
}

fn hop(
    name: &str,
    contender: &dyn Contender,
    setting: &Setting,
    world: &World,
    next: &Client,
) -> Client {
    let own = Latency::fixed(Duration::from_millis(2));
    Upstream::new(name, setting.workers, own)
        .calls(contender.client(setting, next.clone()))
        .uncounted()
        .behind(world, |work| contender.server(setting, work))
}

fn slo(ours: &Report) {
    assert_slo!(ours, amplification() <= 1.2);
    assert_slo!(ours, time_to_recover() <= secs(5));
}

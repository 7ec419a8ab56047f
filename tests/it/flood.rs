//! A minute of three times as many calls as a server can take.

use std::{ops::Range, time::Duration};

use tower::util::BoxCloneSyncService;
use tower_keep::adaptive::{
    AdaptiveConfig, AdaptiveLayer, AimdConfig, AlgorithmConfig, GradientConfig, VegasConfig,
};
use tower_keep_test::{
    assert_slo,
    sim::{Customers, Latency, Load, Report, Sim, Upstream},
};
use tower_layer::Layer;

const MS: Duration = Duration::from_millis(1);
/// A call takes between half and one and a half times 40 ms.
const WORK: Latency = Latency::uniform(Duration::from_millis(20), Duration::from_millis(60));
const WORKERS: usize = 10;

const fn secs(from: u64, to: u64) -> Range<Duration> {
    Duration::from_secs(from)..Duration::from_secs(to)
}

/// 5 s of calm, 60 s of flood, 5 s of calm; what the server has read is worked on.
fn flood(algorithm: Option<AlgorithmConfig>) -> (Report, f64) {
    let server = Upstream::new("server", WORKERS, WORK);
    let capacity = server.capacity();
    let load = Load::steady(capacity / 2.0)
        .then(Duration::from_secs(5), capacity * 3.0)
        .then(Duration::from_secs(65), capacity / 2.0);
    let sim = Sim::new("a flood", 1).lasting(Duration::from_secs(71));
    let sim = sim.customers(Customers::new("all", load).patience(500 * MS));
    let report = sim.fault(secs(5, 65)).run(|world| {
        let Some(algorithm) = algorithm else {
            return vec![server.open(world)];
        };
        let config = AdaptiveConfig {
            algorithm,
            ..AdaptiveConfig::server()
        };
        let layer = AdaptiveLayer::from_config(config).unwrap();
        vec![server.behind(world, |work| BoxCloneSyncService::new(layer.layer(work)))]
    });
    (report, capacity)
}

fn stands(algorithm: AlgorithmConfig) {
    let (report, capacity) = flood(Some(algorithm));
    assert_slo!(report, goodput(report.during()) >= 0.8 * capacity);
    for second in 5..65 {
        assert_slo!(report, goodput(secs(second, second + 1)) >= capacity / 2.0);
    }
    assert_slo!(report, good_share(secs(66, 71)) >= 0.99);
}

#[test]
fn the_gradient_keeps_a_server_standing() {
    stands(AlgorithmConfig::Gradient(GradientConfig::default()));
}

#[test]
fn vegas_keeps_a_server_standing() {
    stands(AlgorithmConfig::Vegas(VegasConfig::default()));
}

#[test]
fn aimd_keeps_a_server_standing_that_is_told_what_is_slow() {
    stands(AlgorithmConfig::Aimd(AimdConfig {
        slow: Some(200 * MS),
        ..AimdConfig::default()
    }));
}

#[test]
fn without_a_limit_it_falls_and_does_not_come_back() {
    let (report, capacity) = flood(None);
    assert_slo!(report, goodput(report.during()) < 0.1 * capacity);
    assert_slo!(report, goodput(secs(66, 71)) <= 0.0); // it works for those who have gone
    assert_slo!(report, good_share(secs(0, 4)) >= 1.0);
}

use std::time::Duration;

use rdkafka::mocking::MockCluster;
use tower_keep_durable::{
    Bus,
    bus::{
        BusError, Mode,
        kafka::{Kafka, KafkaConfig},
    },
};

use crate::suite::{Features, Rig, conformance, conformance_of_modes};

const PARTITIONS: u32 = 16;

/// Brokers in this process that a librdkafka client takes for real ones.
fn cluster() -> MockCluster<'static, rdkafka::producer::DefaultProducerContext> {
    let cluster = MockCluster::new(1).expect("ports of this machine");
    let partitions = i32::try_from(PARTITIONS).expect("few");
    cluster
        .create_topic("shop", partitions, 1)
        .expect("a new topic");
    cluster
}

fn bus(servers: &str, mode: Mode) -> Bus {
    // A member that another one makes room for hears of it with a heartbeat.
    let quick = [
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "200"),
    ];
    Bus::new(Kafka::new(KafkaConfig {
        mode,
        settings: quick
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..KafkaConfig::new(servers, "shop")
    }))
}

async fn on_kafka<F: Future<Output = ()>>(row: impl FnOnce(Rig) -> F) {
    in_mode(Mode::Structured, row).await;
}

async fn in_mode<F: Future<Output = ()>>(mode: Mode, row: impl FnOnce(Rig) -> F) {
    let cluster = cluster();
    let servers = cluster.bootstrap_servers();
    let features = Features {
        partitions: PARTITIONS,
        // Not a lease, but what the rows take for one: nothing here ends by time alone.
        lease: Duration::from_secs(2),
        // To join a group takes seconds each time.
        patience: Duration::from_secs(60),
        // Only while a member has the partition.
        counts: false,
        // Kafka moves all partitions when a member joins.
        steady: false,
        ..Features::default()
    };
    let first = bus(&servers, mode);
    row(Rig::new(first, features, move || {
        std::future::ready(bus(&servers, Mode::Structured))
    }))
    .await;
}

// Not `leased`: a partition is its member's as long as the group says so.
conformance!(
    #[tokio::test]
    on_kafka,
    durable
);

mod binary {
    use super::*;

    async fn on_kafka<F: Future<Output = ()>>(row: impl FnOnce(Rig) -> F) {
        in_mode(Mode::Binary, row).await;
    }

    conformance_of_modes!(
        #[tokio::test]
        on_kafka
    );
}

#[tokio::test]
async fn another_number_of_partitions_is_told() {
    let cluster = cluster();
    let other = KafkaConfig {
        partitions: 4,
        ..KafkaConfig::new(cluster.bootstrap_servers(), "shop")
    };
    let error = Bus::new(Kafka::new(other)).ping().await.unwrap_err();
    assert!(matches!(error, BusError::Misconfigured(_)), "{error}");
    assert!(error.to_string().contains("has 16, not 4"), "{error}");
}

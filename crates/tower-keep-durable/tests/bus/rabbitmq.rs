use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use lapin::{Connection, ConnectionProperties, options::ExchangeDeleteOptions};
use tower_keep_durable::{
    Bus,
    bus::{
        BusError, Mode,
        rabbitmq::{RabbitMq, RabbitMqConfig},
    },
    testing::server_answers,
};

use crate::{
    cut::{Proxy, all_that_is_confirmed_arrives},
    suite::{Features, Rig, conformance, conformance_of_modes},
};

const SERVER: &str = "127.0.0.1:5672";
/// Fewer than by default: a quorum queue takes a tenth of a second to make.
const PARTITIONS: u32 = 8;

fn config(server: &str, name: &str) -> RabbitMqConfig {
    RabbitMqConfig {
        partitions: PARTITIONS,
        ..RabbitMqConfig::new(format!("amqp://guest:guest@{server}"), name)
    }
}

/// Runs `test` with the name of a bus that nobody else has, and deletes it afterwards.
async fn on_server<F: Future<Output = ()>>(test: impl FnOnce(String) -> F) {
    if !server_answers("RabbitMQ", SERVER, "KEEP_REQUIRE_RABBITMQ").await {
        return;
    }
    let name = format!("keep-test-{}", uuid::Uuid::now_v7().simple());
    let ended = AssertUnwindSafe(test(name.clone())).catch_unwind().await;
    delete(&name).await;
    if let Err(failure) = ended {
        std::panic::resume_unwind(failure);
    }
}

async fn delete(name: &str) {
    let server = format!("amqp://guest:guest@{SERVER}");
    let connection = Connection::connect(&server, ConnectionProperties::default())
        .await
        .expect("it answers");
    let channel = connection.create_channel().await.expect("it answers");
    // The groups that tests use; to delete what is not there succeeds.
    let groups = ["g", "one", "two", "old", "new"].into_iter();
    let queues = groups.flat_map(|group| (0..PARTITIONS).map(move |n| format!("{group}.{n}")));
    for queue in queues.chain(["partitions".to_owned()]) {
        let queue = format!("{name}.{queue}").into();
        let _ = channel.queue_delete(queue, Default::default()).await;
    }
    let _ = channel
        .exchange_delete(name.into(), ExchangeDeleteOptions::default())
        .await;
}

async fn on_rabbitmq<F: Future<Output = ()>>(row: impl FnOnce(Rig) -> F) {
    in_mode(Mode::Structured, row).await;
}

async fn in_mode<F: Future<Output = ()>>(mode: Mode, row: impl FnOnce(Rig) -> F) {
    on_server(|name| {
        let features = Features {
            partitions: PARTITIONS,
            lease: Duration::from_secs(2),
            // Single active consumers: the first member has all partitions.
            shares: false,
            asked: false,
            ..Features::default()
        };
        let another = {
            let name = name.clone();
            move || std::future::ready(Bus::new(RabbitMq::new(config(SERVER, &name))))
        };
        let bus = Bus::new(RabbitMq::new(RabbitMqConfig {
            mode,
            ..config(SERVER, &name)
        }));
        row(Rig::new(bus, features, another))
    })
    .await;
}

// Not `leased`: AMQP knows no such time, a delivery is its receiver's as long as the connection lasts.
conformance!(
    #[tokio::test]
    on_rabbitmq,
    durable
);

mod binary {
    use super::*;

    async fn on_rabbitmq<F: Future<Output = ()>>(row: impl FnOnce(Rig) -> F) {
        in_mode(Mode::Binary, row).await;
    }

    conformance_of_modes!(
        #[tokio::test]
        on_rabbitmq
    );
}

#[tokio::test]
async fn a_cut_connection_loses_nothing_confirmed() {
    on_server(|name| async move {
        let proxy = Proxy::before(SERVER).await;
        let bus = Bus::new(RabbitMq::new(RabbitMqConfig {
            // A connection that is cut while it is made fails only by this.
            timeout: Duration::from_secs(3),
            ..config(&proxy.address(), &name)
        }));
        all_that_is_confirmed_arrives(&bus, &proxy).await;
    })
    .await;
}

#[tokio::test]
async fn another_number_of_partitions_is_told() {
    on_server(|name| async move {
        let bus = Bus::new(RabbitMq::new(config(SERVER, &name)));
        bus.ping().await.unwrap();
        let other = RabbitMqConfig {
            partitions: 4,
            ..config(SERVER, &name)
        };
        let error = Bus::new(RabbitMq::new(other)).ping().await.unwrap_err();
        assert!(matches!(error, BusError::Misconfigured(_)), "{error}");
        assert!(error.to_string().contains("has not 4"), "{error}");
    })
    .await;
}

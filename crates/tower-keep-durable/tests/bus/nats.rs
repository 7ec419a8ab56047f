use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use serde_json::json;
use tower_keep_durable::{
    Bus, Event,
    bus::{
        BusError, Mode,
        nats::{Nats, NatsConfig},
    },
    testing::server_answers,
};

use crate::{
    cut::{Proxy, all_that_is_confirmed_arrives},
    suite::{Features, Rig, conformance, conformance_of_modes},
};

const SERVER: &str = "127.0.0.1:4222";
/// Long enough for a machine that is busy with all other tests.
const LEASE: Duration = Duration::from_secs(5);

fn config(name: &str) -> NatsConfig {
    NatsConfig {
        lease: LEASE,
        ..NatsConfig::new(SERVER, name)
    }
}

/// Runs `test` with the name of a bus that nobody else has, and deletes it afterwards.
async fn on_server<F: Future<Output = ()>>(test: impl FnOnce(String) -> F) {
    if !server_answers("NATS", SERVER, "KEEP_REQUIRE_NATS").await {
        return;
    }
    let name = format!("keep-test-{}", uuid::Uuid::now_v7().simple());
    let ended = AssertUnwindSafe(test(name.clone())).catch_unwind().await;
    let client = async_nats::connect(SERVER).await.expect("it answers");
    // Not there if the test never used it.
    let _ = async_nats::jetstream::new(client).delete_stream(name).await;
    if let Err(failure) = ended {
        std::panic::resume_unwind(failure);
    }
}

async fn on_nats<F: Future<Output = ()>>(row: impl FnOnce(Rig) -> F) {
    in_mode(Mode::Structured, row).await;
}

async fn in_mode<F: Future<Output = ()>>(mode: Mode, row: impl FnOnce(Rig) -> F) {
    on_server(|name| {
        let features = Features {
            lease: LEASE,
            ..Features::default()
        };
        let another = {
            let name = name.clone();
            move || std::future::ready(Bus::new(Nats::new(config(&name))))
        };
        row(Rig::new(
            Bus::new(Nats::new(NatsConfig {
                mode,
                ..config(&name)
            })),
            features,
            another,
        ))
    })
    .await;
}

conformance!(
    #[tokio::test]
    on_nats,
    leased,
    durable
);

mod binary {
    use super::*;

    async fn on_nats<F: Future<Output = ()>>(row: impl FnOnce(Rig) -> F) {
        in_mode(Mode::Binary, row).await;
    }

    conformance_of_modes!(
        #[tokio::test]
        on_nats
    );

    /// As the example of the binding has it, on the wire.
    #[tokio::test]
    async fn a_message_is_as_the_binding_says() {
        on_server(|name| async move {
            let bus = Bus::new(Nats::new(NatsConfig {
                mode: Mode::Binary,
                ..config(&name)
            }));
            let event = Event::new(
                "/mycontext/subcontext",
                "com.example.someevent",
                json!({"a": 1}),
            )
            .with_id("1234-1234-1234")
            .about("Euro \u{20ac} \u{1f600}");
            bus.publish(std::slice::from_ref(&event)).await.unwrap();
            let client = async_nats::connect(SERVER).await.unwrap();
            let stream = async_nats::jetstream::new(client).get_stream(&name).await;
            let message = stream.unwrap().get_raw_message(1).await.unwrap();
            let header = |name: &str| message.headers.get(name).map(ToString::to_string);
            for (name, value) in [
                ("ce-specversion", "1.0"),
                ("ce-type", "com.example.someevent"),
                ("ce-id", "1234-1234-1234"),
                ("ce-source", "/mycontext/subcontext"),
                ("ce-datacontenttype", "application/json"),
                ("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ] {
                assert_eq!(header(name).as_deref(), Some(value), "{name}");
            }
            assert_eq!(
                header("content-type"),
                None,
                "that would be structured mode"
            );
            assert_eq!(&*message.payload, br#"{"a":1}"#);
        })
        .await;
    }
}

#[tokio::test]
async fn a_cut_connection_loses_nothing_confirmed() {
    on_server(|name| async move {
        let proxy = Proxy::before(SERVER).await;
        let through = NatsConfig {
            servers: proxy.address(),
            ..config(&name)
        };
        all_that_is_confirmed_arrives(&Bus::new(Nats::new(through)), &proxy).await;
    })
    .await;
}

#[tokio::test]
async fn another_number_of_partitions_is_told() {
    on_server(|name| async move {
        Bus::new(Nats::new(config(&name))).ping().await.unwrap();
        let other = NatsConfig {
            partitions: 4,
            ..config(&name)
        };
        let error = Bus::new(Nats::new(other)).ping().await.unwrap_err();
        assert!(matches!(error, BusError::Misconfigured(_)), "{error}");
        assert!(error.to_string().contains("has 16, not 4"), "{error}");
    })
    .await;
}

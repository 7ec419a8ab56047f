//! Orders for which no service calls another, on each bus: what becomes of them, also if one of the
//! services is killed in the middle.

use rustix::process::Signal;
use serde_json::{Value, json};
use shop_kit::flow::Flow;

use crate::{
    backend::{Backend, on_servers_with},
    broker::Broker,
    fleet::{Fleet, Setup},
    story,
};

async fn place(fleet: &mut Fleet, key: &str) -> String {
    let order = json!({"customer": "cus_anna", "lines": [{"product": "tea", "quantity": 1}]});
    let (status, answer) = fleet.post("orders", "/orders", key, &order).await;
    assert!(matches!(status, 201 | 202), "{status} {answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// Waits until the flow of an order is like this.
async fn stands(fleet: &mut Fleet, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) {
    let url = format!("{}/orders/{id}/saga", fleet.url("orders"));
    fleet
        .until(&format!("{id} {what}"), async |fleet| {
            let found = fleet.web.get(&url).await;
            found.is_some_and(|(_, saga)| saga["flow"] == "choreography" && is_so(&saga))
        })
        .await;
}

/// Pauses a service until the order waits for nobody but it, or what it calls; kills one there, and sees
/// the order to its end.
async fn killed_in_the_middle(fleet: &mut Fleet, [paused, waits_for, killed]: [&str; 3]) {
    fleet.signal(paused, Signal::STOP);
    let id = place(fleet, &format!("killed-{killed}")).await;
    stands(fleet, &id, "is in the middle", |saga| {
        saga["waits_for"] == json!([waits_for])
    })
    .await;
    fleet.signal(killed, Signal::KILL);
    if paused != killed {
        fleet.signal(paused, Signal::CONT);
    }
    stands(fleet, &id, "is completed", |saga| {
        saga["status"] == "completed"
    })
    .await;
}

async fn all_of_it(backend: Option<Backend>) {
    let setup = Setup {
        backend,
        flow: Flow::Choreography,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(setup).await;
    story::play(&mut fleet).await.unwrap();
    assert_eq!(fleet.deaths, []);
    for drill in [
        ["inventory", "inventory", "inventory"],
        // While the card network is asked, and nobody but payments knows what for.
        ["cards", "payments", "payments"],
        ["cards", "payments", "orders"],
        ["shipping", "shipping", "shipping"],
    ] {
        killed_in_the_middle(&mut fleet, drill).await;
    }
    let killed: Vec<_> = fleet.deaths.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(killed, ["inventory", "payments", "orders", "shipping"]);
    fleet.audit().await.unwrap();
}

#[tokio::test]
async fn orders_end_as_they_must_on_sqlite() {
    all_of_it(None).await;
}

#[tokio::test]
async fn orders_end_as_they_must_on_postgresql_and_nats() {
    on_servers_with(Broker::Nats, |backend| all_of_it(Some(backend))).await;
}

#[tokio::test]
async fn orders_end_as_they_must_on_postgresql_and_rabbitmq() {
    on_servers_with(Broker::RabbitMq, |backend| all_of_it(Some(backend))).await;
}

//! Two processes of a service on one database share the work, and one does that of the other.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::json;

use crate::{
    backend::{Backend, on_servers},
    fleet::{Fleet, Setup},
    proxy::{Fault, Rule},
};

const TWICE: &[&str] = &["orders", "payments"];
const TWICE_PAYMENTS: [&str; 2] = ["payments", "payments-2"];

async fn place(fleet: &mut Fleet, replica: &str, key: &str) -> String {
    let order = json!({"customer": "cus_anna", "lines": [{"product": "tea", "quantity": 1}]});
    let (status, answer) = fleet.post(replica, "/orders", key, &order).await;
    assert!(matches!(status, 201 | 202), "{status} {answer}");
    answer["id"].as_str().unwrap().to_owned()
}

async fn completed(fleet: &mut Fleet, id: &str) {
    let url = format!("{}/orders/{id}", fleet.url("orders-2"));
    fleet
        .until(&format!("{id} is completed"), async |fleet| {
            let found = fleet.web.get(&url).await;
            found.is_some_and(|(_, order)| order["status"] == "completed")
        })
        .await;
}

/// How often each step of an order was done, as its saga says.
async fn done(fleet: &Fleet, id: &str) -> Vec<String> {
    let url = format!("{}/orders/{id}/saga", fleet.url("orders-2"));
    let (_, saga) = fleet.web.get(&url).await.unwrap();
    let log = saga["log"].as_array().unwrap();
    let done = log.iter().filter(|line| line["event"] == "done");
    done.map(|line| line["step"].as_str().unwrap().to_owned())
        .collect()
}

/// How many requests the payments of this name have answered to each orders.
fn answered(fleet: &Fleet, payments: u16) -> [usize; 2] {
    let proxies = [&fleet.proxy, &fleet.second_proxy];
    proxies.map(|proxy| proxy.as_ref().unwrap().answered(payments))
}

async fn one_is_killed(backend: Option<Backend>) {
    let setup = Setup {
        backend,
        twice: TWICE,
        is_proxied: true,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(setup).await;
    for at in 0..8 {
        let replica = ["orders", "orders-2"][at % 2];
        let id = place(&mut fleet, replica, &format!("both-{at}")).await;
        completed(&mut fleet, &id).await;
    }
    // Each of the two orders has called each of the two payments.
    for name in TWICE_PAYMENTS {
        let answered = answered(&fleet, fleet.port(name));
        assert!(
            answered.iter().all(|count| *count > 0),
            "{name}: {answered:?}"
        );
    }
    // The steps of these hang, and both their worker and their participant are killed.
    fleet.signal("cards", Signal::STOP);
    let mut ids = Vec::new();
    for at in 0..6 {
        ids.push(place(&mut fleet, "orders", &format!("hangs-{at}")).await);
    }
    fleet.bury("orders").await;
    fleet.bury("payments").await;
    fleet.signal("cards", Signal::CONT);
    let before: usize = answered(&fleet, fleet.port("payments-2")).iter().sum();
    for id in &ids {
        completed(&mut fleet, id).await;
        let done = done(&fleet, id).await;
        let once: BTreeSet<_> = done.iter().collect();
        assert_eq!((done.len(), once.len()), (8, 8), "{done:?}");
    }
    let after: usize = answered(&fleet, fleet.port("payments-2")).iter().sum();
    assert!(
        after >= before + ids.len(),
        "the other payments did it: {before}, {after}"
    );
    assert_eq!(fleet.deaths.len(), 2, "{:?}", fleet.deaths);
    fleet.ask("orders-2");
    fleet.ask("payments-2");
    fleet.audit().await.unwrap();
}

#[tokio::test]
async fn who_is_killed_leaves_the_orders_to_the_other_on_one_sqlite_file() {
    one_is_killed(None).await;
}

#[tokio::test]
async fn who_is_killed_leaves_the_orders_to_the_other_on_postgresql_and_nats() {
    on_servers(|backend| one_is_killed(Some(backend))).await;
}

/// Places an order at the first orders, and stops it in the middle of a step. None if that came too late,
/// and the order was completed.
async fn pause_in_a_step(fleet: &mut Fleet, key: &str) -> Option<String> {
    // Only the first orders gets no answer, so whoever waits for one is the first.
    let lose = |times| Rule {
        fault: Fault::LoseReply,
        of: "POST /payments",
        times,
    };
    fleet.proxy.as_ref().unwrap().obey(lose(usize::MAX));
    let (web, url, key) = (
        fleet.web.clone(),
        format!("{}/orders", fleet.url("orders")),
        key.to_owned(),
    );
    let order = json!({"customer": "cus_anna", "lines": [{"product": "tea", "quantity": 1}]});
    // Its customer is not waited for: it may take as long as the pause.
    tokio::spawn(async move { web.post(&url, &key, &order).await });
    fleet
        .until("the first waits for an answer", async |fleet| {
            fleet.proxy.as_ref().unwrap().happened() > 0
        })
        .await;
    fleet.signal("orders", Signal::STOP);
    let url = format!("{}/orders?customer=cus_anna", fleet.url("orders-2"));
    let (_, orders) = fleet.web.get(&url).await.unwrap();
    let id = orders[0]["id"].as_str().unwrap().to_owned();
    if orders[0]["status"] == "pending" {
        return Some(id);
    }
    fleet.proxy.as_ref().unwrap().obey(lose(0));
    fleet.signal("orders", Signal::CONT);
    completed(fleet, &id).await;
    None
}

/// SIGSTOP for longer than the lease, in the middle of a step: the other goes on, and what the first
/// thinks of that step when it wakes up is not written any more.
#[tokio::test]
async fn who_is_paused_for_longer_than_its_lease_writes_nothing_when_it_wakes_up() {
    let setup = Setup {
        twice: &["orders"],
        is_proxied: true,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(setup).await;
    let mut tries = 0..20;
    let id = loop {
        let at = tries
            .next()
            .expect("it is paused in time, be it the twentieth");
        if let Some(id) = pause_in_a_step(&mut fleet, &format!("paused-{at}")).await {
            break id;
        }
    };
    let id = &*id;

    completed(&mut fleet, id).await;
    let steps = done(&fleet, id).await;
    fleet.signal("orders", Signal::CONT);
    let url = format!("{}/readyz", fleet.url("orders"));
    fleet
        .until("the first is back", async |fleet| {
            fleet
                .web
                .get(&url)
                .await
                .is_some_and(|(status, _)| status == 200)
        })
        .await;
    fleet.audit().await.unwrap();
    assert_eq!((done(&fleet, id).await, steps.len()), (steps.clone(), 8));
    let url = format!("{}/orders/{id}/saga", fleet.url("orders-2"));
    let (_, saga) = fleet.web.get(&url).await.unwrap();
    assert_eq!(saga["status"], "completed", "{saga}");
    assert_eq!(
        saga["log"].as_array().unwrap().last().unwrap()["step"],
        "complete"
    );
    assert_eq!(fleet.deaths, []);
}

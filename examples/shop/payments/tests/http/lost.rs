//! Answers that are lost, and processes that die in between.

use http::Method;
use serde_json::json;
use tower_keep::chaos::{ChaosConfig, Fault};

use crate::bank::{Bank, CREATED, payment, until};

#[tokio::test]
async fn a_lost_answer_is_asked_for_and_the_money_is_held_once() {
    let bank = Bank::open().await;
    let request = payment("cus_anna", 500);
    bank.lose_answers();
    let lost = bank.post("/payments", "k", &request).await;
    assert_eq!((lost.status, &lost.body["executed"]), (504, &json!(null)));
    assert_eq!(bank.status(&request).await, "authorizing");
    bank.heal();

    let again = bank.post("/payments", "k", &request).await;
    assert_eq!(
        (again.status, &again.body["status"]),
        (CREATED, &json!("authorized"))
    );
    assert_eq!(
        bank.heard(Method::POST),
        0,
        "it asks what became of it first"
    );
    assert_eq!(bank.card("cus_anna").await, (500, 0));
}

#[tokio::test]
async fn a_request_that_never_arrived_is_sent_by_its_repeat() {
    let bank = Bank::open_with(1).await;
    let request = payment("cus_anna", 500);
    let broken = ChaosConfig {
        rate: 1.0,
        faults: vec![Fault::Status(501)],
        max_active: usize::MAX,
        ..ChaosConfig::default()
    };
    bank.cards_layers.chaos.update(broken).unwrap();
    let lost = bank.post("/payments", "k", &request).await;
    assert_eq!(lost.status, 504);
    bank.heal();
    // Nobody sends it behind the back of its caller, who may have given up.
    until("it was asked for twice", async || {
        bank.heard(Method::GET) > 1
    })
    .await;
    assert_eq!(bank.heard(Method::POST), 0);
    assert_eq!(bank.status(&request).await, "authorizing");
    let again = bank.post("/payments", "k", &request).await;
    assert_eq!(again.status, CREATED);
    assert_eq!(bank.card("cus_anna").await, (500, 0));
}

#[tokio::test]
async fn whoever_gives_up_on_a_lost_answer_voids_it_at_the_network_too() {
    let bank = Bank::open().await;
    let request = payment("cus_anna", 500);
    bank.lose_answers();
    bank.post("/payments", "k", &request).await;
    bank.heal();
    assert_eq!(bank.card("cus_anna").await, (500, 0));
    let void = bank.perform("void", &request).await;
    assert_eq!((void.status, &void.body["status"]), (200, &json!("voided")));
    assert_eq!(
        (bank.card("cus_anna").await, bank.ledger().await),
        ((0, 0), vec![])
    );
    let late = bank.post("/payments", "k", &request).await;
    assert_eq!(
        (late.status, &late.body["type"]),
        (409, &json!("urn:shop:payment-voided"))
    );
}

#[tokio::test]
async fn a_lost_authorization_is_found_by_its_repeat() {
    let bank = Bank::open().await;
    let request = payment("cus_anna", 500);
    bank.lose_answers();
    assert_eq!(bank.post("/payments", "k", &request).await.status, 504);
    bank.heal();
    let again = bank.post("/payments", "k", &request).await;
    assert_eq!(
        (again.status, &again.body["status"]),
        (CREATED, &json!("authorized"))
    );
    assert_eq!(bank.card("cus_anna").await, (500, 0));
}

#[tokio::test]
async fn after_a_crash_the_next_process_finds_out_by_itself() {
    let mut bank = Bank::open_with(1).await;
    let [held, taken] = [payment("cus_anna", 500), payment("cus_bela", 300)];
    bank.post("/payments", "taken", &taken).await;
    bank.lose_answers();
    bank.post("/payments", "held", &held).await;
    let capture = bank.perform("capture", &taken).await;
    assert!(capture.status >= 500, "{}", capture.status);
    bank.kill_payments().await;
    bank.heal();
    bank.restart_payments().await;
    until("the intents came to their ends", async || {
        bank.status(&held).await == "authorized" && bank.status(&taken).await == "captured"
    })
    .await;
    assert_eq!(
        (bank.card("cus_anna").await, bank.card("cus_bela").await),
        ((500, 0), (0, 300))
    );
}

#[tokio::test]
async fn a_network_that_is_away_is_no_doubt_at_all() {
    let mut bank = Bank::open().await;
    bank.kill_cards().await;
    let request = payment("cus_anna", 500);
    let unsent = bank.post("/payments", "k", &request).await;
    assert_eq!(
        (unsent.status, &unsent.body["executed"]),
        (503, &json!(false))
    );
    assert!(unsent.headers.contains_key("retry-after"));
    // A repeat does not know what its first request did.
    let again = bank.post("/payments", "k", &request).await;
    assert_eq!((again.status, &again.body["executed"]), (503, &json!(null)));
}

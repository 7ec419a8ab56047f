use serde_json::json;

use crate::bank::{Bank, CREATED, payment};

fn balances(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    let line = |(account, balance): &(&str, i64)| ((*account).to_owned(), *balance);
    expected.iter().map(line).collect()
}

#[tokio::test]
async fn money_goes_from_the_card_to_the_merchant_and_back_and_is_booked() {
    let bank = Bank::open().await;
    let request = payment("cus_anna", 500);
    for _ in 0..2 {
        let answer = bank.post("/payments", "k", &request).await;
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (CREATED, &json!("authorized"))
        );
    }
    assert_eq!(bank.card("cus_anna").await, (500, 0));
    let promised = [
        ("customer:cus_anna:authorized", 500),
        ("merchant:pending", -500),
    ];
    assert_eq!(bank.ledger().await, balances(&promised));

    for _ in 0..2 {
        let answer = bank.perform("capture", &request).await;
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (200, &json!("captured"))
        );
    }
    assert_eq!(bank.card("cus_anna").await, (0, 500));
    let earned = [("merchant:revenue", -500), ("network:receivable", 500)];
    assert_eq!(bank.ledger().await, balances(&earned));
    let void = bank.perform("void", &request).await;
    assert_eq!(
        (void.status, &void.body["remedy"]),
        (409, &json!("refund it"))
    );

    for _ in 0..2 {
        let answer = bank.perform("refund", &request).await;
        assert_eq!(answer.body["status"], "refunded");
    }
    assert_eq!(bank.card("cus_anna").await, (0, 0));
    let given_back = [("merchant:refunds", 500), ("merchant:revenue", -500)];
    assert_eq!(bank.ledger().await, balances(&given_back));
}

#[tokio::test]
async fn a_refund_of_what_is_only_held_frees_it() {
    let bank = Bank::open().await;
    let request = payment("cus_anna", 500);
    bank.post("/payments", "k", &request).await;
    let answer = bank.perform("refund", &request).await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("voided"))
    );
    assert_eq!(bank.card("cus_anna").await, (0, 0));
    assert_eq!(bank.ledger().await, []);
    let late = bank.perform("capture", &request).await;
    assert_eq!(
        (late.status, &late.body["type"]),
        (409, &json!("urn:shop:nothing-held"))
    );
}

#[tokio::test]
async fn a_decline_is_an_answer_that_stays() {
    let bank = Bank::open().await;
    for (customer, kind) in [
        ("cus_judy", "urn:shop:card-blocked"),
        ("cus_ivan", "urn:shop:insufficient-funds"),
        ("cus_nobody", "urn:shop:unknown-card"),
    ] {
        let request = payment(customer, 100_000);
        for replayed in [false, true] {
            let answer = bank.post("/payments", customer, &request).await;
            assert_eq!((answer.status, &answer.body["type"]), (402, &json!(kind)));
            assert_eq!(answer.headers.contains_key("idempotent-replayed"), replayed);
        }
        let void = bank.perform("void", &request).await;
        assert_eq!(
            (void.status, &void.body["status"]),
            (200, &json!("declined"))
        );
    }
    assert_eq!(bank.ledger().await, []);
}

#[tokio::test]
async fn a_void_that_comes_first_is_a_tombstone_here_and_unknown_to_the_network() {
    let bank = Bank::open().await;
    let request = payment("cus_anna", 500);
    let capture = bank.perform("capture", &request).await;
    assert_eq!(capture.status, 404);
    let void = bank.perform("void", &request).await;
    assert_eq!((void.status, &void.body["status"]), (200, &json!("voided")));
    let late = bank.post("/payments", "k", &request).await;
    assert_eq!(
        (late.status, &late.body["type"]),
        (409, &json!("urn:shop:payment-voided"))
    );
    assert_eq!(bank.at_network(&request).await, json!(404));
}

#[tokio::test]
async fn an_order_has_one_payment() {
    let bank = Bank::open().await;
    let request = payment("cus_anna", 500);
    for _ in 0..2 {
        let answer = bank.post("/payments", "k", &request).await;
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (CREATED, &json!("authorized"))
        );
    }
    assert_eq!(bank.card("cus_anna").await, (500, 0));
    let second = json!({"id": payment("", 1)["id"], "order": request["order"],
        "account": "cus_anna", "amount": {"minor": 500, "currency": "EUR"}});
    let answer = bank.post("/payments", "k2", &second).await;
    assert_eq!(
        (answer.status, &answer.body["type"]),
        (409, &json!("urn:shop:order-has-payment"))
    );
}

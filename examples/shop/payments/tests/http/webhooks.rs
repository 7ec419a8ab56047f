use axum::body::Body;
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use shop_kit::webhook::WebhookSecret;

use crate::bank::{Bank, payment, secret, until};

async fn tell(bank: &Bank, event: &Value) -> (u16, Value) {
    let body = event.to_string();
    send(bank, secret().sign("e1", &body).unwrap(), body).await
}

async fn send(bank: &Bank, headers: HeaderMap, body: String) -> (u16, Value) {
    let url = format!("http://{}/webhooks/cards", bank.payments_at);
    let mut request = Request::post(url).body(Body::from(body)).unwrap();
    *request.headers_mut() = headers;
    let reply = bank.ask(request).await;
    (reply.status, reply.body)
}

fn event(kind: &str, data: Value) -> Value {
    json!({"specversion": "1.0", "id": "e1", "source": "/cards", "type": kind, "data": data})
}

#[tokio::test]
async fn what_the_network_tells_is_taken_once_each() {
    let bank = Bank::open().await;
    let request = payment("cus_anna", 500);
    bank.lose_answers();
    bank.post("/payments", "k", &request).await;
    assert_eq!(bank.status(&request).await, "authorizing");

    // Nobody asks: the webhook says it, twice.
    bank.webhooks.send_twice(1.0, 7);
    let url = format!("http://{}/webhooks/cards", bank.payments_at);
    bank.webhooks.send_to(url.parse().unwrap());
    until("the webhook arrived", async || {
        bank.status(&request).await == "authorized"
    })
    .await;
    until("and again", async || bank.webhooks.sent() == (1, 1)).await;
    assert_eq!(
        bank.ledger().await,
        [
            ("customer:cus_anna:authorized".to_owned(), 500),
            ("merchant:pending".to_owned(), -500)
        ]
    );
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_what_is_no_concern_is_taken() {
    let bank = Bank::open().await;
    let (status, problem) = tell(&bank, &json!({"specversion": "1.0"})).await;
    assert_eq!((status, &problem["field"]), (400, &json!("id")));
    let half = event("cards.authorization.captured.v1", json!({"id": "pay_1"}));
    let (status, problem) = tell(&bank, &half).await;
    assert_eq!((status, &problem["field"]), (400, &json!("data")));
    let other = event("cards.statement.ready.v1", json!({}));
    assert_eq!(tell(&bank, &other).await, (200, json!({"new": false})));

    let stranger = json!({"id": payment("", 1)["id"], "status": "captured"});
    let stranger = event("cards.authorization.captured.v1", stranger);
    assert_eq!(tell(&bank, &stranger).await, (200, json!({"new": true})));
    assert_eq!(tell(&bank, &stranger).await, (200, json!({"new": false})));
}

/// Somebody who knows the URL and a payment, and would like it to be authorized.
#[tokio::test]
async fn what_the_network_did_not_sign_changes_nothing() {
    let bank = Bank::open().await;
    let request = payment("cus_anna", 500);
    bank.lose_answers();
    bank.post("/payments", "k", &request).await;
    let told = json!({"id": request["id"], "status": "authorized"});
    let told = event("cards.authorization.authorized.v1", told).to_string();

    let others = WebhookSecret::random().sign("e1", &told).unwrap();
    let of_another_body = secret().sign("e1", "{}").unwrap();
    for headers in [HeaderMap::new(), others, of_another_body] {
        let (status, problem) = send(&bank, headers, told.clone()).await;
        assert_eq!(
            (status, &problem["type"]),
            (401, &json!("urn:shop:webhook-not-signed"))
        );
    }
    assert_eq!(bank.status(&request).await, "authorizing");
    let signed = secret().sign("e1", &told).unwrap();
    assert_eq!(send(&bank, signed, told).await, (200, json!({"new": true})));
    assert_eq!(bank.status(&request).await, "authorized");
}

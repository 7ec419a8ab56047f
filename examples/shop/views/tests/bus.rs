//! From the bus to the page.

#![expect(clippy::unwrap_used, reason = "a test ends where its service breaks")]

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use shop_kit::{
    bus,
    db::file_url,
    events::{OrderCompleted, OrderConfirmed, OrderCreated, PaymentCaptured, tell},
    ids::{OrderId, PaymentId},
    money::{Currency, Money},
};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tower_keep_durable::Event;
use views::Config;

/// A generous time for everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

async fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// Waits until the answer to `path` is as wanted.
async fn until(router: &Router, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let looks = async {
        loop {
            let (_, body) = get(router, path).await;
            if wanted(&body) {
                return body;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looks).await.unwrap()
}

/// An order as it is told of, from its creation to its payment, and some of it twice.
fn story(order: OrderId) -> Vec<Event> {
    let customer = || "cus_anna".to_owned();
    let total = Money::new(1250, Currency::EUR);
    let created = OrderCreated {
        order,
        customer: customer(),
        lines: Vec::new(),
    };
    let created = tell("orders", &created);
    let confirmed = OrderConfirmed {
        order,
        customer: customer(),
        total,
        lines: Vec::new(),
    };
    let confirmed = tell("orders", &confirmed);
    let completed = OrderCompleted {
        order,
        customer: customer(),
        total,
    };
    let completed = tell("orders", &completed);
    let captured = PaymentCaptured {
        order,
        payment: PaymentId::generate(),
        amount: total,
    };
    vec![
        created.clone(),
        confirmed.clone(),
        created,
        completed.clone(),
        confirmed,
        completed,
        tell("payments", &captured),
    ]
}

#[tokio::test]
async fn what_was_told_is_shown_once_and_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        database: file_url(&folder.path().join("views.db")),
        bus: file_url(&folder.path().join("bus.db")),
        rebuild: false,
        log: String::new(),
    };
    let bus = bus::open(&config.bus).await.unwrap();
    let app = views::build(&config).await.unwrap();
    let empty = get(&app.server.router, "/dashboard/cus_anna").await;
    assert_eq!((empty.0, &empty.1["orders"]), (StatusCode::OK, &json!({})));

    let order = OrderId::generate();
    bus.publish(&story(order)).await.unwrap();
    // The last of the order, so all duplicates have passed.
    let path = "/search?customer=cus_anna&status=completed";
    let found = until(&app.server.router, path, |found| {
        found[0]["payment"] == "captured"
    })
    .await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(
        (&found[0]["id"], &found[0]["version"]),
        (&json!(order), &json!(4))
    );

    // Its group stays: what is told while it is away is shown by the next process.
    drop(app);
    bus.publish(&story(OrderId::generate())).await.unwrap();
    config.rebuild = true;
    let app = views::build(&config).await.unwrap();
    let wanted = json!([{"minor": 2500, "currency": "EUR"}]);
    let dashboard = until(&app.server.router, "/dashboard/cus_anna", |dashboard| {
        dashboard["lifetime_value"] == wanted
    })
    .await;
    assert_eq!(dashboard["orders"], json!({"completed": 2}));
    assert_eq!(dashboard["recent"].as_array().unwrap().len(), 2);
    // Four events of each order, and duplicates are none.
    let lag = until(&app.server.router, "/lag", |lag| lag["position"] == 8).await;
    assert_eq!(lag["events_behind"], 0);

    let (status, problem) = get(&app.server.router, "/search?status=lost").await;
    assert_eq!(
        (status, problem["field"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("status"))
    );
}

//! From the bus to the customer and back to the bus.

use std::{net::SocketAddr, time::Duration};

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use notifications::Config;
use serde_json::Value;
use shop_kit::{
    bus,
    db::file_url,
    events::{
        NotificationSent, OrderCompleted, OrderConfirmed, OrderCreated, ShipmentDispatched, Told,
        tell,
    },
    ids::{OrderId, ShipmentId},
    money::{Currency, Money},
};
use tokio::time::timeout;
use tower::ServiceExt;
use tower_keep_durable::bus::Types;

/// A generous time for everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_customer_is_told_once_and_the_shop_hears_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        database: file_url(&folder.path().join("notifications.db")),
        bus: file_url(&folder.path().join("bus.db")),
        log: String::new(),
    };
    let bus = bus::open(&config.bus).await.unwrap();
    let mut heard = bus
        .subscribe("test", &Types::of([NotificationSent::KIND]))
        .await
        .unwrap();
    let app = notifications::build(&config).await.unwrap();

    let (order, customer) = (OrderId::generate(), "cus_anna".to_owned());
    let total = Money::new(1250, Currency::EUR);
    let created = tell(
        "orders",
        &OrderCreated {
            order,
            customer: customer.clone(),
            lines: Vec::new(),
        },
    );
    let confirmed = tell(
        "orders",
        &OrderConfirmed {
            order,
            customer: customer.clone(),
            total,
            lines: Vec::new(),
        },
    );
    let completed = tell(
        "orders",
        &OrderCompleted {
            order,
            customer: customer.clone(),
            total,
        },
    );
    let shipment = ShipmentId::generate();
    let dispatched = tell("shipping", &ShipmentDispatched { order, shipment });
    let told = [
        created.clone(),
        confirmed.clone(),
        created,
        confirmed.clone(),
        completed.clone(),
        confirmed.clone(),
        completed.clone(),
        dispatched.clone(),
    ];
    bus.publish(&told).await.unwrap();

    // All are of one order, so the last message is there when all duplicates have passed.
    for cause in [confirmed, completed, dispatched] {
        let delivery = timeout(PATIENCE, heard.next()).await.unwrap().unwrap();
        let sent: NotificationSent = delivery.event().read().unwrap();
        assert_eq!(
            (sent.order, sent.customer, delivery.event().causation_id()),
            (order, customer.clone(), Some(cause.id()))
        );
        delivery.ack().await.unwrap();
    }

    let get = |path: &'static str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = app.server.router.clone().oneshot(request);
        async move {
            let answer = answer.await.unwrap();
            let status = answer.status();
            let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            (status, serde_json::from_slice::<Value>(&body).unwrap())
        }
    };
    let (status, body) = get("/notifications?customer=cus_anna").await;
    assert_eq!(status, StatusCode::OK);
    let mut kinds: Vec<_> = body
        .as_array()
        .unwrap()
        .iter()
        .map(|sent| sent["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["completed", "confirmed", "dispatched"]);
    let (status, body) = get("/notifications?customer=cus_anna&limit=0").await;
    assert_eq!(
        (status, body["field"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("limit"))
    );
}

//! The same suite on both databases.

use serde_json::json;
use shop_kit::{
    events::{
        NotificationSent, OrderCancelled, OrderCompleted, OrderConfirmed, OrderCreated,
        ShipmentDispatched, tell,
    },
    ids::{OrderId, ShipmentId},
    money::{Currency, Money},
    testing::{TestDb, on_postgres},
};
use tower::ServiceExt;
use tower_keep_durable::{BoxError, Event, Inbox, inbox::HandlerError};

use super::*;

#[tokio::test]
async fn the_store_keeps_its_promises_on_sqlite() {
    let test = TestDb::sqlite(SCHEMA).await;
    suite(&Store::new(&test.db)).await;
}

#[tokio::test]
async fn the_store_keeps_its_promises_on_postgres() {
    on_postgres(SCHEMA, |db| async move { suite(&Store::new(&db)).await }).await;
}

async fn suite(store: &Store) {
    each_event_is_one_message_however_often_it_comes(store).await;
    what_is_told_twice_in_other_words_is_one_message(store).await;
    a_message_waits_for_its_recipient(store).await;
    what_cannot_be_read_is_poison_and_leaves_nothing(store).await;
}

async fn handle(store: &Store, event: &Event) -> Result<(), BoxError> {
    Inbox::new(store.db.clone(), Notify::new(&store.db))
        .oneshot(event.clone())
        .await
}

/// The kinds of what the customer was told, in order of their names.
async fn kinds(store: &Store, customer: &str) -> Vec<String> {
    let sent = store.of_customer(customer, 100).await.unwrap();
    let mut kinds: Vec<_> = sent.into_iter().map(|sent| sent.kind).collect();
    kinds.sort();
    kinds
}

/// What was told of an order, and because of which event.
async fn told(store: &Store, order: OrderId) -> Vec<(NotificationSent, String)> {
    let bodies: Vec<(String,)> = sqlx::query_as("SELECT body FROM keep_outbox ORDER BY position")
        .fetch_all(store.db.pool())
        .await
        .unwrap();
    bodies
        .into_iter()
        .map(|(body,)| Event::from_json(&body).unwrap())
        .filter(|event| event.key() == Some(&*order.to_string()))
        .map(|event| {
            let cause = event.causation_id().unwrap().to_owned();
            (event.read().unwrap(), cause)
        })
        .collect()
}

fn confirmed(order: OrderId, customer: &str) -> Event {
    let told = OrderConfirmed {
        order,
        customer: customer.into(),
        total: Money::new(1250, Currency::EUR),
        lines: Vec::new(),
    };
    tell("orders", &told)
}

fn dispatched(order: OrderId) -> Event {
    let shipment = ShipmentId::generate();
    tell("shipping", &ShipmentDispatched { order, shipment })
}

async fn each_event_is_one_message_however_often_it_comes(store: &Store) {
    let (order, customer) = (OrderId::generate(), "cus_a".to_owned());
    let events = [
        tell(
            "orders",
            &OrderCreated {
                order,
                customer: customer.clone(),
                lines: Vec::new(),
            },
        ),
        confirmed(order, &customer),
        tell(
            "orders",
            &OrderCompleted {
                order,
                customer: customer.clone(),
                total: Money::new(1250, Currency::EUR),
            },
        ),
        dispatched(order),
        tell(
            "orders",
            &OrderCancelled {
                order,
                customer: customer.clone(),
            },
        ),
    ];
    for event in &events {
        let twice = [handle(store, event).await, handle(store, event).await];
        assert!(twice.iter().all(Result::is_ok), "{twice:?}");
    }
    assert_eq!(
        kinds(store, &customer).await,
        ["cancelled", "completed", "confirmed", "dispatched"]
    );
    let told = told(store, order).await;
    let causes: Vec<_> = told.iter().map(|(_, cause)| &**cause).collect();
    let worth: Vec<_> = events[1..].iter().map(Event::id).collect();
    assert_eq!(causes, worth);
    assert_eq!(told[0].0.customer, customer);
    assert!(told[0].0.text.contains("12.50 EUR"), "{}", told[0].0.text);

    let latest = store.of_customer(&customer, 1).await.unwrap();
    assert_eq!(latest.len(), 1);
    assert_eq!(latest[0].order, order.to_string());
    assert!(kinds(store, "cus_nobody").await.is_empty());
}

/// As after an inbox that has forgotten: the event comes with another id.
async fn what_is_told_twice_in_other_words_is_one_message(store: &Store) {
    let order = OrderId::generate();
    for _ in 0..2 {
        handle(store, &confirmed(order, "cus_b")).await.unwrap();
    }
    assert_eq!(kinds(store, "cus_b").await, ["confirmed"]);
    assert_eq!(told(store, order).await.len(), 1);
}

async fn a_message_waits_for_its_recipient(store: &Store) {
    let order = OrderId::generate();
    handle(store, &dispatched(order)).await.unwrap();
    assert!(told(store, order).await.is_empty());
    let created = OrderCreated {
        order,
        customer: "cus_c".into(),
        lines: Vec::new(),
    };
    handle(store, &tell("orders", &created)).await.unwrap();
    assert_eq!(kinds(store, "cus_c").await, ["dispatched"]);
    assert_eq!(told(store, order).await.len(), 1);
}

async fn what_cannot_be_read_is_poison_and_leaves_nothing(store: &Store) {
    let order = OrderId::generate();
    let event = confirmed(order, "cus_d");
    // A total that is no money.
    let bad = event.clone().retold(
        event.kind().to_owned(),
        json!({"order": order, "customer": "cus_d", "total": 5}),
    );
    let error = handle(store, &bad).await.unwrap_err();
    assert!(
        matches!(HandlerError::find(&*error), Some(HandlerError::Poison(_))),
        "{error}"
    );
    assert!(kinds(store, "cus_d").await.is_empty());
    // The inbox does not hold it for handled.
    handle(store, &event).await.unwrap();
    assert_eq!(kinds(store, "cus_d").await, ["confirmed"]);
}

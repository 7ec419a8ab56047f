//! The part of payments in choreography. The network is played: what is taken is what it is asked for.

use shop_kit::{
    events::{
        OrderConfirmed, OrderExpired, PaymentDeclined, ShipmentCancelled, StockHeld, Told, tell,
    },
    flow::Flow,
};
use tower::ServiceExt;
use tower_keep_durable::{BoxError, Event, Inbox, inbox::HandlerError};

use super::*;
use crate::domain::{Status, ledger};

#[tokio::test]
async fn it_plays_its_part_on_sqlite() {
    let test = TestDb::sqlite(SCHEMA).await;
    suite(&store(test.db.clone())).await;
}

#[tokio::test]
async fn it_plays_its_part_on_postgres() {
    on_postgres(SCHEMA, |db| async move { suite(&store(db)).await }).await;
}

async fn suite(store: &Store) {
    held_stock_is_paid_for_once(store).await;
    who_cannot_pay_is_told_of(store).await;
    an_end_that_is_heard_first_keeps_the_payment_out(store).await;
    an_undo_waits_for_the_end_of_what_is_under_way(store).await;
    a_capture_that_comes_late_takes_nothing(store).await;
    whoever_cancels_is_told_each_time(store).await;
    what_makes_no_sense_is_poison(store).await;
    assert_eq!(balance(store, ledger::PENDING).await, 0);
}

async fn handle(store: &Store, event: &Event) -> Result<(), BoxError> {
    Inbox::new(store.db.clone(), React::new(store))
        .oneshot(event.clone())
        .await
}

/// Tells it, and tells it twice.
async fn hear(store: &Store, told: &impl Told) -> Event {
    let event = Flow::Choreography.mark(tell("orders", told));
    for _ in 0..2 {
        handle(store, &event).await.unwrap();
    }
    event
}

/// What is due is asked for, and the network says this to it.
async fn network(store: &Store, asked: Status, says_so: Network) {
    let [payment] = &store.take(100).await.unwrap()[..] else {
        panic!("one is asked for");
    };
    assert_eq!((payment.status, payment.flow), (asked, Flow::Choreography));
    store.learn(&says(payment.id, says_so)).await.unwrap();
}

async fn nothing_is_asked_for(store: &Store) {
    store.db.clock().advance(GRACE * 2);
    assert_eq!(store.take(100).await.unwrap(), []);
}

async fn status(store: &Store, order: OrderId) -> Status {
    store.load(order.payment()).await.unwrap().unwrap().status
}

/// The kinds of what was told of an order without their common words, oldest first.
async fn told(store: &Store, order: OrderId) -> Vec<String> {
    let bodies: Vec<(String,)> = sqlx::query_as("SELECT body FROM keep_outbox ORDER BY position")
        .fetch_all(store.db.pool())
        .await
        .unwrap();
    let events = bodies
        .into_iter()
        .map(|(body,)| Event::from_json(&body).unwrap())
        .filter(|event| event.key() == Some(&*order.to_string()));
    let words = |event: Event| {
        assert_eq!(Flow::of(&event), Flow::Choreography);
        let kind = event.kind().strip_prefix("shop.payment.").unwrap();
        kind.strip_suffix(".v1").unwrap().to_owned()
    };
    events.map(words).collect()
}

fn held(order: OrderId, minor: i64) -> StockHeld {
    StockHeld {
        order,
        reservation: order.reservation(),
        total: Money::new(minor, Currency::EUR),
        account: Some("cus_a".into()),
    }
}

fn confirmed(order: OrderId) -> OrderConfirmed {
    OrderConfirmed {
        order,
        customer: "cus_a".into(),
        total: Money::new(500, Currency::EUR),
        lines: Vec::new(),
    }
}

fn called_back(order: OrderId) -> ShipmentCancelled {
    let shipment = order.shipment();
    ShipmentCancelled { order, shipment }
}

fn expired(order: OrderId) -> OrderExpired {
    let customer = "cus_a".into();
    OrderExpired { order, customer }
}

async fn held_stock_is_paid_for_once(store: &Store) {
    let order = OrderId::generate();
    let cause = hear(store, &held(order, 500)).await;
    hear(store, &held(order, 500)).await;
    network(store, Status::Authorizing, Network::Authorized).await;
    for _ in 0..2 {
        hear(store, &confirmed(order)).await;
    }
    network(store, Status::Capturing, Network::Captured).await;
    hear(store, &confirmed(order)).await;
    nothing_is_asked_for(store).await;
    assert_eq!(told(store, order).await, ["authorized", "captured"]);
    let payment = store.load(order.payment()).await.unwrap().unwrap();
    assert_eq!(payment.correlation.as_deref(), cause.correlation_id());
    hear(store, &called_back(order)).await;
    network(store, Status::Refunding, Network::Refunded).await;
    assert_eq!(status(store, order).await, Status::Refunded);
}

async fn who_cannot_pay_is_told_of(store: &Store) {
    let order = OrderId::generate();
    hear(store, &held(order, 500)).await;
    network(store, Status::Authorizing, Network::Declined).await;
    hear(store, &expired(order)).await;
    assert_eq!(told(store, order).await, ["declined"]);
    // What cannot be asked for at all.
    let order = OrderId::generate();
    hear(store, &held(order, 0)).await;
    assert_eq!(told(store, order).await, ["declined"]);
    nothing_is_asked_for(store).await;
    // An order that somebody pays for by hand has its payment.
    let by_hand = request(500);
    store.accept(&keyed(&by_hand), &by_hand).await.unwrap();
    hear(store, &held(by_hand.order, 500)).await;
    assert_eq!(told(store, by_hand.order).await, ["declined"]);
    let settled = says(by_hand.id, Network::Declined);
    store.learn(&settled).await.unwrap();
}

async fn an_end_that_is_heard_first_keeps_the_payment_out(store: &Store) {
    let order = OrderId::generate();
    hear(store, &expired(order)).await;
    hear(store, &held(order, 500)).await;
    nothing_is_asked_for(store).await;
    assert_eq!(status(store, order).await, Status::Voided);
    assert!(told(store, order).await.is_empty());
    // While nobody knows what became of it.
    let order = OrderId::generate();
    hear(store, &held(order, 500)).await;
    hear(store, &expired(order)).await;
    network(store, Status::Voiding, Network::Voided).await;
    assert_eq!(told(store, order).await, ["voided"]);
}

async fn an_undo_waits_for_the_end_of_what_is_under_way(store: &Store) {
    let order = OrderId::generate();
    hear(store, &held(order, 500)).await;
    network(store, Status::Authorizing, Network::Authorized).await;
    hear(store, &confirmed(order)).await;
    hear(store, &called_back(order)).await;
    // A capture that is heard again does not take its place.
    hear(store, &confirmed(order)).await;
    network(store, Status::Capturing, Network::Captured).await;
    network(store, Status::Refunding, Network::Refunded).await;
    nothing_is_asked_for(store).await;
    assert_eq!(
        told(store, order).await,
        ["authorized", "captured", "refunded"]
    );
}

/// The confirmation and the word that the parcel was called back have different sources.
async fn a_capture_that_comes_late_takes_nothing(store: &Store) {
    for voided_before in [true, false] {
        let order = OrderId::generate();
        hear(store, &held(order, 500)).await;
        network(store, Status::Authorizing, Network::Authorized).await;
        hear(store, &called_back(order)).await;
        if voided_before {
            network(store, Status::Voiding, Network::Voided).await;
            hear(store, &confirmed(order)).await;
        } else {
            hear(store, &confirmed(order)).await;
            network(store, Status::Voiding, Network::Voided).await;
        }
        nothing_is_asked_for(store).await;
        assert_eq!(status(store, order).await, Status::Voided);
        assert_eq!(told(store, order).await, ["authorized", "voided"]);
    }
}

async fn whoever_cancels_is_told_each_time(store: &Store) {
    let order = OrderId::generate();
    for _ in 0..2 {
        hear(store, &called_back(order)).await;
    }
    assert_eq!(told(store, order).await, ["voided", "voided"]);
}

async fn what_makes_no_sense_is_poison(store: &Store) {
    let order = OrderId::generate();
    let nobody = StockHeld {
        account: None,
        ..held(order, 500)
    };
    for event in [
        tell("inventory", &nobody),
        tell("orders", &confirmed(order)),
        tell("orders", &confirmed(order)).retold(PaymentDeclined::KIND, 5),
    ] {
        let event = Flow::Choreography.mark(event);
        let handled = handle(store, &event).await;
        if event.kind() == PaymentDeclined::KIND {
            // Nobody here is meant.
            handled.unwrap();
            continue;
        }
        let error = handled.unwrap_err();
        let found = HandlerError::find(&*error);
        assert!(matches!(found, Some(HandlerError::Poison(_))), "{error}");
    }
}

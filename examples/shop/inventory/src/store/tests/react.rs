//! The part of inventory in choreography.

use serde_json::json;
use shop_kit::{
    events::{
        OrderCancelled, OrderConfirmed, OrderCreated, OrderExpired, OrderRejected,
        ShipmentCancelled, StockHeld, StockRejected, Told, tell,
    },
    flow::Flow,
};
use tower::ServiceExt;
use tower_keep_durable::{BoxError, Inbox, inbox::HandlerError};

use super::*;

/// How often the suite releases what was never held.
pub(super) const RELEASED_NOTHING: i64 = 2;
/// How often it lets stock leave.
pub(super) const COMMITTED: i64 = 1;

pub(super) async fn suite(store: &Store) {
    an_order_is_held_for_once_and_the_hold_says_who_pays(store).await;
    what_is_not_there_is_told_with_its_reason(store).await;
    whatever_ends_an_order_puts_its_stock_back(store).await;
    a_release_that_is_heard_first_keeps_the_hold_out(store).await;
    what_was_confirmed_leaves_once_and_comes_back(store).await;
    a_confirmation_of_nothing_is_poison(store).await;
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

fn created(order: OrderId, product: &str, quantity: i64) -> OrderCreated {
    OrderCreated {
        order,
        customer: "cus_a".into(),
        lines: vec![Line {
            product: product.into(),
            quantity,
        }],
    }
}

fn called_back(order: OrderId) -> ShipmentCancelled {
    let shipment = order.shipment();
    ShipmentCancelled { order, shipment }
}

fn confirmed(order: OrderId) -> OrderConfirmed {
    OrderConfirmed {
        order,
        customer: "cus_a".into(),
        total: Money::new(250, Currency::EUR),
        lines: Vec::new(),
    }
}

/// What was told of an order, oldest first.
async fn told(store: &Store, order: OrderId) -> Vec<Event> {
    let bodies: Vec<(String,)> = sqlx::query_as("SELECT body FROM keep_outbox ORDER BY position")
        .fetch_all(store.db.pool())
        .await
        .unwrap();
    let events = bodies
        .into_iter()
        .map(|(body,)| Event::from_json(&body).unwrap())
        .filter(|event| event.key() == Some(&*order.to_string()));
    let events: Vec<_> = events.collect();
    assert!(
        events
            .iter()
            .all(|event| Flow::of(event) == Flow::Choreography)
    );
    events
}

async fn kinds(store: &Store, order: OrderId) -> Vec<String> {
    let told = told(store, order).await;
    told.iter().map(|event| event.kind().to_owned()).collect()
}

const HELD: &str = "shop.stock.held.v1";
const RELEASED: &str = "shop.stock.released.v1";

async fn an_order_is_held_for_once_and_the_hold_says_who_pays(store: &Store) {
    let order = OrderId::generate();
    let cause = hear(store, &created(order, "tea", 2)).await;
    // As after an inbox that has forgotten.
    hear(store, &created(order, "tea", 2)).await;
    assert_eq!(stock(store, "tea").await, (8, 2));
    let told = told(store, order).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].causation_id(), Some(cause.id()));
    assert_eq!(told[0].correlation_id(), cause.correlation_id());
    let held: StockHeld = told[0].read().unwrap();
    assert_eq!(
        (held.account.as_deref(), held.total.minor),
        (Some("cus_a"), 500)
    );
    assert_eq!(held.reservation, order.reservation());
    let customer = "cus_a".to_owned();
    hear(store, &OrderExpired { order, customer }).await;
    assert_eq!(stock(store, "tea").await, (10, 0));
}

async fn what_is_not_there_is_told_with_its_reason(store: &Store) {
    for (product, quantity, why) in [
        ("tea", 11, "only 10 of tea left"),
        ("tee", 1, "there is no product tee"),
        ("tea", 0, "the quantity is 0"),
    ] {
        let order = OrderId::generate();
        hear(store, &created(order, product, quantity)).await;
        let told = told(store, order).await;
        let rejected: StockRejected = told[0].read().unwrap();
        assert_eq!((told.len(), &*rejected.reason), (1, why));
        // It said no, so nobody has to undo it.
        let (by, reason, customer) = ("inventory".into(), why.into(), "cus_a".into());
        if quantity > 0 {
            hear(
                store,
                &OrderRejected {
                    order,
                    customer,
                    by,
                    reason,
                },
            )
            .await;
            assert_eq!(kinds(store, order).await, [StockRejected::KIND]);
        }
    }
    assert_eq!(stock(store, "tea").await, (10, 0));
}

async fn whatever_ends_an_order_puts_its_stock_back(store: &Store) {
    for ending in 0..4 {
        let (order, customer) = (OrderId::generate(), "cus_a".to_owned());
        hear(store, &created(order, "tea", 3)).await;
        assert_eq!(stock(store, "tea").await, (7, 3));
        match ending {
            0 => {
                let (by, reason) = ("payments".into(), "no money".into());
                let rejected = OrderRejected {
                    order,
                    customer,
                    by,
                    reason,
                };
                hear(store, &rejected).await
            }
            1 => hear(store, &OrderExpired { order, customer }).await,
            2 => hear(store, &OrderCancelled { order, customer }).await,
            _ => hear(store, &called_back(order)).await,
        };
        assert_eq!(stock(store, "tea").await, (10, 0), "{ending}");
        assert_eq!(kinds(store, order).await, [HELD, RELEASED]);
    }
}

async fn a_release_that_is_heard_first_keeps_the_hold_out(store: &Store) {
    let order = OrderId::generate();
    // Whoever cancels is told each time, though there is nothing to release.
    hear(store, &called_back(order)).await;
    hear(store, &called_back(order)).await;
    hear(store, &created(order, "tea", 3)).await;
    assert_eq!(
        kinds(store, order).await,
        [RELEASED, RELEASED, StockRejected::KIND]
    );
    assert_eq!(stock(store, "tea").await, (10, 0));
}

async fn what_was_confirmed_leaves_once_and_comes_back(store: &Store) {
    let order = OrderId::generate();
    hear(store, &created(order, "tea", 1)).await;
    for _ in 0..2 {
        hear(store, &confirmed(order)).await;
    }
    assert_eq!(stock(store, "tea").await, (9, 0));
    hear(store, &called_back(order)).await;
    assert_eq!(stock(store, "tea").await, (10, 0));
    // The confirmation comes from another source, and may be heard after the parcel was called back.
    hear(store, &confirmed(order)).await;
    assert_eq!(stock(store, "tea").await, (10, 0));
    assert_eq!(
        kinds(store, order).await,
        [HELD, "shop.stock.committed.v1", RELEASED]
    );
}

async fn a_confirmation_of_nothing_is_poison(store: &Store) {
    let bad = Flow::Choreography.mark(tell("orders", &confirmed(OrderId::generate())));
    let other = bad.clone().retold(OrderCreated::KIND, json!({"order": 5}));
    for event in [bad, other] {
        let error = handle(store, &event).await.unwrap_err();
        let found = HandlerError::find(&*error);
        assert!(matches!(found, Some(HandlerError::Poison(_))), "{error}");
    }
}

//! The part of shipping in choreography.

use shop_kit::{
    events::{OrderCancelRequested, OrderConfirmed, ShipmentCancelRefused, Told, tell},
    flow::Flow,
    money::{Currency, Money},
};
use tower::ServiceExt;
use tower_keep_durable::{BoxError, Inbox, inbox::HandlerError};

use super::*;

pub(super) async fn suite(store: &Store) {
    what_is_confirmed_is_packed_once(store).await;
    a_wish_in_time_calls_the_parcel_back(store).await;
    a_wish_before_there_is_a_parcel_keeps_it_from_being_packed(store).await;
    what_has_left_is_refused_each_time(store).await;
    a_parcel_of_nothing_is_poison(store).await;
}

async fn handle(store: &Store, event: &Event) -> Result<(), BoxError> {
    Inbox::new(store.db.clone(), React::new(store))
        .oneshot(event.clone())
        .await
}

/// Tells it, and tells it twice.
async fn hear(store: &Store, told: &impl Told) {
    let event = Flow::Choreography.mark(tell("orders", told));
    for _ in 0..2 {
        handle(store, &event).await.unwrap();
    }
}

fn confirmed(order: OrderId, quantity: i64) -> OrderConfirmed {
    OrderConfirmed {
        order,
        customer: "cus_a".into(),
        total: Money::new(250, Currency::EUR),
        lines: vec![Line {
            product: "tea".into(),
            quantity,
        }],
    }
}

fn wish(order: OrderId) -> OrderCancelRequested {
    let customer = "cus_a".into();
    OrderCancelRequested { order, customer }
}

const CREATED: &str = "shop.shipment.created.v1";
const CANCELLED: &str = "shop.shipment.cancelled.v1";

async fn what_is_confirmed_is_packed_once(store: &Store) {
    let order = OrderId::generate();
    for _ in 0..2 {
        hear(store, &confirmed(order, 2)).await;
    }
    assert_eq!(told(store, order).await, [CREATED]);
    let packed = store.of_order(order).await.unwrap().unwrap();
    assert_eq!(
        (packed.id, packed.status),
        (order.shipment(), Status::Created)
    );
}

async fn a_wish_in_time_calls_the_parcel_back(store: &Store) {
    let order = OrderId::generate();
    hear(store, &confirmed(order, 2)).await;
    hear(store, &wish(order)).await;
    assert_eq!(told(store, order).await, [CREATED, CANCELLED]);
    let parcel = store.of_order(order).await.unwrap().unwrap();
    assert_eq!(parcel.status, Status::Cancelled);
    assert_eq!(
        store.dispatch(parcel.id).await.unwrap(),
        Some(Err(Refusal::Cancelled))
    );
}

async fn a_wish_before_there_is_a_parcel_keeps_it_from_being_packed(store: &Store) {
    let order = OrderId::generate();
    hear(store, &wish(order)).await;
    hear(store, &confirmed(order, 2)).await;
    assert_eq!(told(store, order).await, [CANCELLED]);
    assert_eq!(store.of_order(order).await.unwrap(), None);
}

async fn what_has_left_is_refused_each_time(store: &Store) {
    let order = OrderId::generate();
    hear(store, &confirmed(order, 2)).await;
    store
        .dispatch(order.shipment())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    for _ in 0..2 {
        hear(store, &wish(order)).await;
    }
    assert_eq!(
        told(store, order).await[2..],
        [ShipmentCancelRefused::KIND; 2]
    );
}

async fn a_parcel_of_nothing_is_poison(store: &Store) {
    let order = OrderId::generate();
    hear(store, &confirmed(order, 1)).await;
    for quantity in [0, 3] {
        let event = Flow::Choreography.mark(tell("orders", &confirmed(order, quantity)));
        let error = handle(store, &event).await.unwrap_err();
        let found = HandlerError::find(&*error);
        assert!(matches!(found, Some(HandlerError::Poison(_))), "{error}");
    }
}

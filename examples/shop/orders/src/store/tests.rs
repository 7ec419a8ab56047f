//! The side of orders in choreography, on both databases.

use std::time::Duration;

use shop_kit::{
    db::{Clock, Db},
    events::{
        Line, OrderCreated, PaymentAuthorized, PaymentCaptured, ShipmentCancelRefused,
        ShipmentCreated, StockCommitted, StockHeld, StockRejected, Told, tell,
    },
    flow::Flow,
    ids::OrderId,
    money::{Currency, Money},
    testing::{TestDb, on_postgres},
};
use tower::ServiceExt;
use tower_keep_durable::{BoxError, Event, Inbox, inbox::HandlerError};

use super::*;
use crate::{
    NAME,
    domain::{Order, Status, Story},
    watchdog,
};

const DEADLINE: Duration = Duration::from_secs(900);

#[tokio::test]
async fn it_hears_and_watches_on_sqlite() {
    let test = TestDb::sqlite(SCHEMA).await;
    suite(test.db.clone()).await;
}

#[tokio::test]
async fn it_hears_and_watches_on_postgres() {
    on_postgres(SCHEMA, |db| async move { suite(db).await }).await;
}

async fn suite(db: Db) {
    let store = Store::new(&db.with_clock(Clock::manual()), Duration::ZERO);
    what_is_heard_is_part_of_the_story_and_not_told_again(&store).await;
    what_is_heard_at_the_same_time_is_decided_once(&store).await;
    strangers_and_orders_of_the_other_flow_are_left_alone(&store).await;
    what_cannot_be_read_is_poison_and_leaves_nothing(&store).await;
    silence_is_noticed_once_and_only_where_nobody_asks(&store).await;
    an_order_that_cannot_be_given_up_is_an_alarm_until_somebody_tells_something(&store).await;
}

async fn place(store: &Store, flow: Flow) -> OrderId {
    let order = OrderId::generate();
    let created = OrderCreated {
        order,
        customer: "cus_a".into(),
        lines: vec![Line {
            product: "tea".into(),
            quantity: 1,
        }],
    };
    let events = vec![flow.mark(tell(NAME, &created))];
    let mut tx = store.db.begin_write().await.unwrap();
    let decide = |_: &Story| Ok(events.clone());
    store.decide(&mut tx, order, decide).await.unwrap();
    tx.commit().await.unwrap();
    order
}

async fn hear(store: &Store, event: &Event) -> Result<(), BoxError> {
    Inbox::new(store.db.clone(), Hear::new(store))
        .oneshot(event.clone())
        .await
}

async fn load(store: &Store, order: OrderId) -> Order {
    store.load(order).await.unwrap().unwrap()
}

/// The kinds of what was told of an order, oldest first.
async fn told(store: &Store, order: OrderId) -> Vec<String> {
    let bodies: Vec<(String,)> = sqlx::query_as("SELECT body FROM keep_outbox ORDER BY position")
        .fetch_all(store.db.pool())
        .await
        .unwrap();
    bodies
        .into_iter()
        .map(|(body,)| Event::from_json(&body).unwrap())
        .filter(|event| event.key() == Some(&*order.to_string()))
        .map(|event| event.kind().to_owned())
        .collect()
}

fn held(order: OrderId) -> Event {
    let told = StockHeld {
        order,
        reservation: order.reservation(),
        total: Money::new(690, Currency::EUR),
        account: None,
    };
    tell("inventory", &told)
}

fn authorized(order: OrderId) -> Event {
    let told = PaymentAuthorized {
        order,
        payment: order.payment(),
        amount: Money::new(690, Currency::EUR),
    };
    tell("payments", &told)
}

const CREATED: &str = "shop.order.created.v1";
const CONFIRMED: &str = "shop.order.confirmed.v1";

async fn what_is_heard_is_part_of_the_story_and_not_told_again(store: &Store) {
    let order = place(store, Flow::Choreography).await;
    for event in [held(order), authorized(order)] {
        for _ in 0..2 {
            hear(store, &event).await.unwrap();
        }
    }
    assert_eq!(told(store, order).await, [CREATED, CONFIRMED]);
    let story = store.events(order).await.unwrap();
    let kinds: Vec<_> = story.iter().map(|event| event["type"].clone()).collect();
    let all = [CREATED, StockHeld::KIND, PaymentAuthorized::KIND, CONFIRMED];
    assert_eq!(kinds, all);
    let order = load(store, order).await;
    assert_eq!(order.status, Status::Confirmed);
    assert_eq!(order.waits_for(), ["inventory", "payments", "shipping"]);
}

async fn what_is_heard_at_the_same_time_is_decided_once(store: &Store) {
    let order = place(store, Flow::Choreography).await;
    // Two payments that say so, with ids of their own, beside a customer who wants it undone.
    let hearing: Vec<_> = (0..4)
        .map(|_| {
            let (store, event) = (store.clone(), authorized(order));
            tokio::spawn(async move { hear(&store, &event).await.unwrap() })
        })
        .collect();
    for one in hearing {
        one.await.unwrap();
    }
    assert_eq!(told(store, order).await, [CREATED, CONFIRMED]);
    assert!(!store.expire(order).await.unwrap());
}

async fn strangers_and_orders_of_the_other_flow_are_left_alone(store: &Store) {
    hear(store, &authorized(OrderId::generate())).await.unwrap();
    let order = place(store, Flow::Orchestration).await;
    hear(store, &authorized(order)).await.unwrap();
    assert_eq!(load(store, order).await.status, Status::Pending);
    assert_eq!(store.events(order).await.unwrap().len(), 1);
}

async fn what_cannot_be_read_is_poison_and_leaves_nothing(store: &Store) {
    let order = place(store, Flow::Choreography).await;
    let bad = authorized(order).retold(
        PaymentAuthorized::KIND,
        serde_json::json!({"order": order, "amount": "much"}),
    );
    let error = hear(store, &bad).await.unwrap_err();
    let found = HandlerError::find(&*error);
    assert!(matches!(found, Some(HandlerError::Poison(_))), "{error}");
    assert_eq!(store.events(order).await.unwrap().len(), 1);
    assert!(load(store, order).await.parts.is_empty());
}

async fn silence_is_noticed_once_and_only_where_nobody_asks(store: &Store) {
    let clock = store.db.clock().clone();
    clock.advance(DEADLINE * 2);
    watchdog::pass(store, DEADLINE).await.unwrap();
    let silent = place(store, Flow::Choreography).await;
    let by_saga = place(store, Flow::Orchestration).await;
    let rejected = place(store, Flow::Choreography).await;
    let no = StockRejected {
        order: rejected,
        reservation: rejected.reservation(),
        reason: "sold out".into(),
    };
    hear(store, &tell("inventory", &no)).await.unwrap();
    clock.advance(DEADLINE - Duration::from_micros(1));
    assert_eq!(expired(store).await, 0);
    clock.advance(Duration::from_micros(1));
    let (one, two) = tokio::join!(expired(store), expired(store));
    assert_eq!(one + two, 1, "two replicas, one of which does it");
    assert_eq!(load(store, silent).await.status, Status::Expired);
    assert_eq!(load(store, by_saga).await.status, Status::Pending);
    assert_eq!(load(store, rejected).await.status, Status::Rejected);
    assert_eq!(
        told(store, silent).await,
        [CREATED, "shop.order.expired.v1"]
    );
    // Late: nothing comes of it.
    hear(store, &authorized(silent)).await.unwrap();
    assert_eq!(load(store, silent).await.status, Status::Expired);
    assert_eq!(expired(store).await, 0);
}

async fn expired(store: &Store) -> usize {
    watchdog::pass(store, DEADLINE).await.unwrap().expired
}

async fn alarms(store: &Store) -> usize {
    watchdog::pass(store, DEADLINE).await.unwrap().alarms
}

/// The orders of which there is an alarm, as operators see them.
async fn not_progressing(store: &Store) -> Vec<OrderId> {
    let silent = store.not_progressing(100).await.unwrap();
    let ids: Vec<_> = silent.iter().map(|silent| silent.order.id).collect();
    for id in &ids {
        assert!(store.progress(*id).await.unwrap().1);
    }
    ids
}

async fn an_order_that_cannot_be_given_up_is_an_alarm_until_somebody_tells_something(
    store: &Store,
) {
    let clock = store.db.clock().clone();
    clock.advance(DEADLINE);
    // Those of the tests before.
    alarms(store).await;
    for other in not_progressing(store).await {
        hear_all(store, other).await;
    }
    assert_eq!(not_progressing(store).await, []);
    store.check_progress().await.unwrap();

    let order = place(store, Flow::Choreography).await;
    for event in [held(order), authorized(order)] {
        hear(store, &event).await.unwrap();
    }
    let confirmed_at = store.db.now();
    clock.advance(DEADLINE - Duration::from_micros(1));
    assert_eq!(alarms(store).await, 0);
    clock.advance(Duration::from_micros(1));
    let (one, two) = tokio::join!(alarms(store), alarms(store));
    assert_eq!(one + two, 1, "two replicas, one of which says it");
    assert_eq!(not_progressing(store).await, [order]);
    assert_eq!(store.progress(order).await.unwrap(), (confirmed_at, true));
    let shown = store.check_progress().await.unwrap_err().to_string();
    let whom = format!("{order} waits for inventory and payments and shipping for 900s");
    assert!(shown.starts_with("1 orders are not progressing"), "{shown}");
    assert!(shown.ends_with(&whom), "{shown}");
    // It is neither given up, nor said all the time, nor forgotten.
    assert_eq!(load(store, order).await.status, Status::Confirmed);
    clock.advance(DEADLINE - Duration::from_micros(1));
    assert_eq!(alarms(store).await, 0);
    clock.advance(Duration::from_micros(1));
    assert_eq!(alarms(store).await, 1);
    // One of three has told something: the alarm is over, and there is another if that was all.
    let parcel = ShipmentCreated {
        order,
        shipment: order.shipment(),
    };
    hear(store, &tell("shipping", &parcel)).await.unwrap();
    assert_eq!(not_progressing(store).await, []);
    assert_eq!(alarms(store).await, 0);
    clock.advance(DEADLINE);
    assert_eq!(alarms(store).await, 1);
    hear_all(store, order).await;
    assert_eq!(load(store, order).await.status, Status::Completed);
    clock.advance(DEADLINE * 3);
    assert_eq!(
        (alarms(store).await, not_progressing(store).await),
        (0, vec![])
    );

    // The same for one whose customer wants it undone.
    let mut tx = store.db.begin_write().await.unwrap();
    let asked = store.change(&mut tx, order, Order::request_cancel).await;
    asked.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(alarms(store).await, 0);
    clock.advance(DEADLINE);
    assert_eq!(alarms(store).await, 1);
    assert_eq!(not_progressing(store).await, [order]);
    let gone = ShipmentCancelRefused {
        order,
        shipment: order.shipment(),
        reason: "it has left".into(),
    };
    hear(store, &tell("shipping", &gone)).await.unwrap();
    assert_eq!(not_progressing(store).await, []);
    clock.advance(DEADLINE);
    assert_eq!(alarms(store).await, 0);
}

/// All that a confirmed order waits for.
async fn hear_all(store: &Store, order: OrderId) {
    let (payment, shipment) = (order.payment(), order.shipment());
    let reservation = order.reservation();
    let amount = Money::new(690, Currency::EUR);
    let committed = StockCommitted { order, reservation };
    let captured = PaymentCaptured {
        order,
        payment,
        amount,
    };
    let packed = ShipmentCreated { order, shipment };
    for event in [
        tell("inventory", &committed),
        tell("payments", &captured),
        tell("shipping", &packed),
    ] {
        hear(store, &event).await.unwrap();
    }
}

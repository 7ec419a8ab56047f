//! The same suite on both databases.

use serde_json::json;
use shop_kit::{
    events::{
        OrderCancelRefused, OrderCancelRequested, OrderCancelled, OrderCompleted, OrderConfirmed,
        OrderCreated, OrderRejected, PaymentAuthorized, PaymentCaptured, ShipmentCreated, tell,
    },
    ids::{OrderId, PaymentId, ShipmentId},
    money::{Currency, Money},
    testing::{TestDb, on_postgres},
};
use tower::ServiceExt;
use tower_keep_durable::{BoxError, Event, Inbox, inbox::HandlerError, projection::Runner};

use super::*;
use crate::domain::{OrderView, Status};

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
    project(store).await;
    an_event_counts_once_however_often_it_comes(store).await;
    a_customer_is_worth_what_was_completed(store).await;
    a_cancellation_that_is_refused_leaves_the_order_as_it_was(store).await;
    an_order_is_shown_once_its_customer_is_known(store).await;
    what_cannot_be_read_is_poison_and_stops_nothing(store).await;
    orders_are_found_by_customer_and_status(store).await;
    views_that_are_built_anew_are_the_same(store).await;
}

async fn hear(store: &Store, event: &Event) -> Result<(), BoxError> {
    Inbox::new(store.db.clone(), Hear::new(&store.log))
        .oneshot(event.clone())
        .await
}

/// Hears all of them, and has them shown.
async fn told(store: &Store, events: &[Event]) {
    for event in events {
        hear(store, event).await.unwrap();
    }
    project(store).await;
}

async fn project(store: &Store) {
    let runner = Runner::new(&store.log, Orders);
    while runner.pass().await.unwrap().more {}
}

fn euro(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

/// An order, and how its service tells of it.
struct Story {
    order: OrderId,
    customer: &'static str,
    total: Money,
}

impl Story {
    fn of(customer: &'static str, minor: i64) -> Self {
        Self {
            order: OrderId::generate(),
            customer,
            total: euro(minor),
        }
    }

    fn created(&self) -> Event {
        let (order, customer) = (self.order, self.customer.to_owned());
        let lines = Vec::new();
        tell(
            "orders",
            &OrderCreated {
                order,
                customer,
                lines,
            },
        )
    }

    fn confirmed(&self) -> Event {
        let (order, customer, total) = (self.order, self.customer.to_owned(), self.total);
        tell(
            "orders",
            &OrderConfirmed {
                order,
                customer,
                total,
                lines: Vec::new(),
            },
        )
    }

    fn completed(&self) -> Event {
        let (order, customer, total) = (self.order, self.customer.to_owned(), self.total);
        tell(
            "orders",
            &OrderCompleted {
                order,
                customer,
                total,
            },
        )
    }

    fn rejected(&self) -> Event {
        let (order, customer) = (self.order, self.customer.to_owned());
        let (by, reason) = ("payments".into(), "declined".into());
        tell(
            "orders",
            &OrderRejected {
                order,
                customer,
                by,
                reason,
            },
        )
    }

    fn cancel_requested(&self) -> Event {
        let (order, customer) = (self.order, self.customer.to_owned());
        tell("orders", &OrderCancelRequested { order, customer })
    }

    fn cancel_refused(&self) -> Event {
        let (order, customer) = (self.order, self.customer.to_owned());
        let reason = "it is on its way".into();
        tell(
            "orders",
            &OrderCancelRefused {
                order,
                customer,
                reason,
            },
        )
    }

    fn cancelled(&self) -> Event {
        let (order, customer) = (self.order, self.customer.to_owned());
        tell("orders", &OrderCancelled { order, customer })
    }

    fn authorized(&self) -> Event {
        let (order, payment, amount) = (self.order, PaymentId::generate(), self.total);
        tell(
            "payments",
            &PaymentAuthorized {
                order,
                payment,
                amount,
            },
        )
    }

    fn captured(&self) -> Event {
        let (order, payment, amount) = (self.order, PaymentId::generate(), self.total);
        tell(
            "payments",
            &PaymentCaptured {
                order,
                payment,
                amount,
            },
        )
    }

    fn packed(&self) -> Event {
        let (order, shipment) = (self.order, ShipmentId::generate());
        tell("shipping", &ShipmentCreated { order, shipment })
    }

    async fn shown(&self, store: &Store) -> Option<OrderView> {
        let found = found(store, Some(self.customer), None).await;
        found.into_iter().find(|order| order.id == self.order)
    }
}

async fn found(store: &Store, customer: Option<&str>, status: Option<Status>) -> Vec<OrderView> {
    let wanted = Search {
        customer: customer.map(str::to_owned),
        status,
        limit: 100,
    };
    store.search(&wanted).await.unwrap()
}

/// How many orders of a customer are in which status.
async fn counts(store: &Store, customer: &str) -> Vec<(String, i64)> {
    let dashboard = store.dashboard(customer.to_owned()).await.unwrap();
    dashboard.orders.into_iter().collect()
}

async fn value(store: &Store, customer: &str) -> Vec<Money> {
    let dashboard = store.dashboard(customer.to_owned()).await.unwrap();
    dashboard.lifetime_value
}

async fn an_event_counts_once_however_often_it_comes(store: &Store) {
    let story = Story::of("cus_once", 500);
    let events = [
        story.created(),
        story.authorized(),
        story.confirmed(),
        story.captured(),
        story.packed(),
        story.completed(),
    ];
    told(store, &events).await;
    told(store, &events).await;
    let shown = story.shown(store).await.unwrap();
    assert_eq!(
        (shown.status, shown.total, shown.version),
        (Status::Completed, Some(euro(500)), 6)
    );
    assert_eq!(
        (shown.payment.as_deref(), shown.shipment.as_deref()),
        (Some("captured"), Some("created"))
    );
    assert!(shown.created_at <= shown.updated_at);
    assert_eq!(counts(store, "cus_once").await, [("completed".into(), 1)]);
    assert_eq!(value(store, "cus_once").await, [euro(500)]);
    let progress = store.progress().await.unwrap();
    assert_eq!((progress.events_behind, progress.micros_behind), (0, 0));
    assert!(progress.position >= 6);
}

async fn a_customer_is_worth_what_was_completed(store: &Store) {
    let customer = "cus_worth";
    let dollars = Story {
        total: Money::new(700, "USD".parse().unwrap()),
        ..Story::of(customer, 0)
    };
    let (first, second, back) = (
        Story::of(customer, 100),
        Story::of(customer, 20),
        Story::of(customer, 3),
    );
    for story in [&dollars, &first, &second, &back] {
        told(
            store,
            &[story.created(), story.confirmed(), story.completed()],
        )
        .await;
    }
    assert_eq!(value(store, customer).await, [euro(123), dollars.total]);
    told(store, &[back.cancel_requested()]).await;
    assert_eq!(
        counts(store, customer).await,
        [("cancelling".into(), 1), ("completed".into(), 3)]
    );
    told(store, &[back.cancelled()]).await;
    assert_eq!(value(store, customer).await, [euro(120), dollars.total]);
    let refused = Story::of(customer, 9);
    told(store, &[refused.created(), refused.rejected()]).await;
    assert_eq!(
        counts(store, customer).await,
        [
            ("cancelled".into(), 1),
            ("completed".into(), 3),
            ("rejected".into(), 1)
        ]
    );
    // Orders of others are none of theirs.
    assert_eq!(value(store, "cus_once").await, [euro(500)]);
}

async fn a_cancellation_that_is_refused_leaves_the_order_as_it_was(store: &Store) {
    let [confirmed, completed] = [5, 6].map(|minor| Story::of("cus_late", minor));
    told(
        store,
        &[
            confirmed.created(),
            confirmed.confirmed(),
            confirmed.cancel_requested(),
            confirmed.cancel_refused(),
            completed.created(),
            completed.confirmed(),
            completed.cancel_requested(),
            // The saga that carries it out was faster.
            completed.completed(),
            completed.cancel_refused(),
        ],
    )
    .await;
    for (story, status) in [
        (confirmed, Status::Confirmed),
        (completed, Status::Completed),
    ] {
        assert_eq!(story.shown(store).await.unwrap().status, status);
    }
    assert_eq!(value(store, "cus_late").await, [euro(6)]);
}

async fn an_order_is_shown_once_its_customer_is_known(store: &Store) {
    let story = Story::of("cus_hidden", 5);
    told(store, &[story.authorized()]).await;
    assert_eq!(story.shown(store).await, None);
    assert!(
        found(store, None, None)
            .await
            .iter()
            .all(|order| order.id != story.order)
    );
    told(store, &[story.created()]).await;
    let shown = story.shown(store).await.unwrap();
    assert_eq!(
        (shown.status, shown.payment.as_deref(), shown.version),
        (Status::Pending, Some("authorized"), 2)
    );
    assert_eq!(counts(store, "cus_hidden").await, [("pending".into(), 1)]);
}

async fn what_cannot_be_read_is_poison_and_stops_nothing(store: &Store) {
    let story = Story::of("cus_poison", 5);
    let confirmed = story.confirmed();
    let kind = confirmed.kind().to_owned();
    let unreadable = confirmed.retold(kind.clone(), json!({"customer": "cus_poison"}));
    let of_nothing = Event::new("/shop/orders", kind, json!({}));
    for event in [unreadable, of_nothing.clone().keyed("7"), of_nothing] {
        let error = hear(store, &event).await.unwrap_err();
        assert!(
            matches!(HandlerError::find(&*error), Some(HandlerError::Poison(_))),
            "{error}"
        );
    }
    // A kind of tomorrow is kept for the views of tomorrow.
    let admired = Event::new("/shop/orders", "shop.order.admired.v1", json!({}));
    let admired = admired.keyed(story.order.to_string());
    told(store, &[story.created(), admired]).await;
    let shown = story.shown(store).await.unwrap();
    assert_eq!((shown.status, shown.version), (Status::Pending, 2));
}

async fn orders_are_found_by_customer_and_status(store: &Store) {
    let stories: Vec<_> = (0..12).map(|_| Story::of("cus_search", 1)).collect();
    for story in &stories {
        told(store, &[story.created()]).await;
    }
    told(store, &[stories[3].confirmed()]).await;
    let ids = |orders: Vec<OrderView>| -> Vec<_> { orders.iter().map(|order| order.id).collect() };
    let confirmed = found(store, Some("cus_search"), Some(Status::Confirmed)).await;
    assert_eq!(ids(confirmed), [stories[3].order]);
    let all = ids(found(store, Some("cus_search"), None).await);
    let latest_first: Vec<_> = stories.iter().rev().map(|story| story.order).collect();
    assert_eq!(all, latest_first);
    let rejected = found(store, None, Some(Status::Rejected)).await;
    assert_eq!(rejected.len(), 1, "of all customers");
    let dashboard = store.dashboard("cus_search".to_owned()).await.unwrap();
    assert_eq!(ids(dashboard.recent), latest_first[..10]);
    let wanted = Search {
        customer: None,
        status: None,
        limit: 2,
    };
    assert_eq!(ids(store.search(&wanted).await.unwrap()), latest_first[..2]);
}

async fn views_that_are_built_anew_are_the_same(store: &Store) {
    let all = async || {
        let mut dashboards = Vec::new();
        for customer in ["cus_once", "cus_worth", "cus_late", "cus_poison"] {
            dashboards.push(store.dashboard(customer.to_owned()).await.unwrap());
        }
        (found(store, None, None).await, dashboards)
    };
    let before = all().await;
    // Somebody has spoilt them by hand.
    for table in ["order_view", "customer_counts", "customer_value"] {
        let spoil = format!("DELETE FROM {table}_1");
        sqlx::query(sqlx::AssertSqlSafe(spoil))
            .execute(store.db.pool())
            .await
            .unwrap();
    }
    assert!(found(store, None, None).await.is_empty());
    let runner = Runner::new(&store.log, Orders);
    runner.rebuild().await.unwrap();
    let mut replaced = false;
    loop {
        let progress = runner.pass().await.unwrap();
        replaced |= progress.replaced;
        if !progress.more {
            break;
        }
    }
    assert!(replaced);
    assert_eq!(all().await, before);
}

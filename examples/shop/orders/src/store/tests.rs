//! The same suite on both databases.

use std::time::Duration;

use http::StatusCode;
use shop_kit::{
    idempotency::{Answer, IdempotencyKey, Keyed},
    ids::OrderId,
    money::{Currency, Money},
    testing::{TestDb, on_postgres},
};

use super::*;
use crate::{
    domain::{Line, NewOrder, Refusal, Status},
    peers::Peer,
};

#[tokio::test]
async fn the_store_keeps_its_promises_on_sqlite() {
    let test = TestDb::sqlite(SCHEMA).await;
    suite(&Store::new(test.db.clone())).await;
}

#[tokio::test]
async fn the_store_keeps_its_promises_on_postgres() {
    on_postgres(SCHEMA, |db| async move { suite(&Store::new(db)).await }).await;
}

async fn suite(store: &Store) {
    an_order_and_its_key_are_stored_together(store).await;
    open_orders_come_due_oldest_first(store).await;
    an_order_comes_due_for_the_peer_that_its_next_step_needs(store).await;
    only_one_of_confirm_and_cancel_wins(store).await;
    a_refusal_keeps_its_reason(store).await;
}

fn new_order() -> NewOrder {
    let line = |product: &str, quantity| Line {
        product: product.into(),
        quantity,
    };
    NewOrder {
        customer: "cus_a".into(),
        lines: vec![line("tea", 2), line("mug", 1)],
    }
}

fn keyed(key: &str) -> Keyed {
    Keyed::new(
        "POST /orders",
        IdempotencyKey::new(key).unwrap(),
        &new_order(),
    )
}

async fn accept(store: &Store, key: &str) -> OrderId {
    match store.accept(&keyed(key), &new_order()).await.unwrap() {
        Accepted::Order(id) => id,
        Accepted::Answered(answer) => panic!("{answer:?}"),
    }
}

async fn an_order_and_its_key_are_stored_together(store: &Store) {
    let id = accept(store, "k1").await;
    assert_eq!(
        store
            .accept(&keyed("k1"), &new_order())
            .await
            .unwrap_err()
            .status,
        409
    );
    let order = store.load(id).await.unwrap().unwrap();
    assert_eq!(
        (order.status, order.total, order.lines.len()),
        (Status::Pending, None, 2)
    );
    store
        .answer(&keyed("k1"), &Answer::new(StatusCode::CREATED, &order))
        .await
        .unwrap();
    assert!(matches!(
        store.accept(&keyed("k1"), &new_order()).await,
        Ok(Accepted::Answered(_))
    ));
    assert_eq!(store.of_customer("cus_a", 10).await.unwrap(), [order]);
    assert_eq!(store.load(OrderId::generate()).await.unwrap(), None);
    store
        .step(id, Status::Pending, Status::Confirmed)
        .await
        .unwrap();
}

async fn open_orders_come_due_oldest_first(store: &Store) {
    let (first, second) = (accept(store, "k2").await, accept(store, "k3").await);
    assert_eq!(
        store.due(Peer::Inventory, 10).await.unwrap(),
        [],
        "their requests still run"
    );
    for id in [second, first] {
        store.postpone(id, |_| Duration::ZERO).await.unwrap();
    }
    assert_eq!(
        store.due(Peer::Inventory, 10).await.unwrap(),
        [first, second]
    );
    store
        .postpone(first, |attempts| Duration::from_secs(attempts.into()))
        .await
        .unwrap();
    assert_eq!(store.due(Peer::Inventory, 10).await.unwrap(), [second]);
    for id in [first, second] {
        store
            .step(id, Status::Pending, Status::Confirmed)
            .await
            .unwrap();
    }
    assert_eq!(store.due(Peer::Inventory, 10).await.unwrap(), []);
}

async fn an_order_comes_due_for_the_peer_that_its_next_step_needs(store: &Store) {
    let due = async |id: OrderId| {
        store.postpone(id, |_| Duration::ZERO).await.unwrap();
        let mut peers = Vec::new();
        for peer in Peer::ALL {
            if store.due(peer, 10).await.unwrap().contains(&id) {
                peers.push(peer);
            }
        }
        peers
    };
    let total = Money::new(1, Currency::EUR);
    let refusal = Refusal {
        by: "payments".into(),
        reason: "no money".into(),
    };
    let paying = accept(store, "k5").await;
    assert_eq!(due(paying).await, [Peer::Inventory]);
    store.reserved(paying, total).await.unwrap();
    assert_eq!(due(paying).await, [Peer::Payments]);
    store.cancel(paying).await.unwrap();
    assert_eq!(due(paying).await, [Peer::Payments]);
    store
        .step(paying, Status::Cancelling, Status::Cancelled)
        .await
        .unwrap();
    assert_eq!(due(paying).await, []);

    let unpaid = accept(store, "k6").await;
    store.cancel(unpaid).await.unwrap();
    assert_eq!(
        due(unpaid).await,
        [Peer::Inventory],
        "no money was asked for"
    );
    let refused = accept(store, "k7").await;
    store.reserved(refused, total).await.unwrap();
    store
        .refuse(refused, Status::Refusing, &refusal)
        .await
        .unwrap();
    assert_eq!(due(refused).await, [Peer::Inventory]);
    for (id, from, to) in [
        (unpaid, Status::Cancelling, Status::Cancelled),
        (refused, Status::Refusing, Status::Refused),
    ] {
        store.step(id, from, to).await.unwrap();
    }
}

async fn only_one_of_confirm_and_cancel_wins(store: &Store) {
    for at in 0..8 {
        let id = accept(store, &format!("race{at}")).await;
        let (confirming, cancelling) = (store.clone(), store.clone());
        let confirm = tokio::spawn(async move {
            confirming
                .step(id, Status::Pending, Status::Confirmed)
                .await
        });
        let cancel = tokio::spawn(async move { cancelling.cancel(id).await });
        confirm.await.unwrap().unwrap();
        let order = cancel.await.unwrap().unwrap().unwrap();
        assert_eq!(order.status, Status::Cancelling);
        assert!(
            !store
                .step(id, Status::Pending, Status::Confirmed)
                .await
                .unwrap()
        );
        assert!(
            !store
                .reserved(id, Money::new(1, Currency::EUR))
                .await
                .unwrap()
        );
        assert!(
            store
                .step(id, Status::Cancelling, Status::Cancelled)
                .await
                .unwrap()
        );
        assert_eq!(
            store.cancel(id).await.unwrap().unwrap().status,
            Status::Cancelled
        );
    }
}

async fn a_refusal_keeps_its_reason(store: &Store) {
    let id = accept(store, "k4").await;
    assert!(
        store
            .reserved(id, Money::new(750, Currency::EUR))
            .await
            .unwrap()
    );
    let refusal = Refusal {
        by: "payments".into(),
        reason: "no money".into(),
    };
    assert!(store.refuse(id, Status::Refusing, &refusal).await.unwrap());
    assert!(!store.refuse(id, Status::Refused, &refusal).await.unwrap());
    assert!(
        store
            .step(id, Status::Refusing, Status::Refused)
            .await
            .unwrap()
    );
    let order = store.load(id).await.unwrap().unwrap();
    assert_eq!(
        (order.refusal, order.total.unwrap().minor),
        (Some(refusal), 750)
    );
    assert_eq!(
        store.cancel(id).await.unwrap().unwrap().status,
        Status::Refused
    );
}

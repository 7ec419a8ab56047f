//! The same suite on both databases.

use shop_kit::{
    events::Line,
    ids::{OrderId, ShipmentId},
    testing::{TestDb, list_in_pieces, on_postgres},
};
use tower_keep_durable::Event;

use super::*;
use crate::domain::{Refusal, Ship, Status};

mod react;

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
    one_parcel_however_often_it_is_asked_for(store).await;
    a_cancellation_that_comes_first_keeps_the_parcel_in_the_house(store).await;
    what_is_on_its_way_cannot_be_called_back(store).await;
    other_contents_are_refused(store).await;
    react::suite(store).await;
    a_list_in_pieces_is_the_whole(store).await;
}

fn ship() -> Ship {
    Ship {
        id: ShipmentId::generate(),
        order: OrderId::generate(),
        lines: vec![Line {
            product: "tea".into(),
            quantity: 2,
        }],
    }
}

/// What was told of an order, oldest first.
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

async fn one_parcel_however_often_it_is_asked_for(store: &Store) {
    let ship = ship();
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let (store, ship) = (store.clone(), ship.clone());
            tokio::spawn(async move { store.create(&ship).await.unwrap().unwrap() })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap().status, Status::Created);
    }
    for _ in 0..2 {
        assert_eq!(
            store.cancel(ship.id).await.unwrap().unwrap().status,
            Status::Cancelled
        );
    }
    assert_eq!(store.create(&ship).await.unwrap(), Err(Refusal::Cancelled));
    assert_eq!(
        store.dispatch(ship.id).await.unwrap(),
        Some(Err(Refusal::Cancelled))
    );
    assert_eq!(
        told(store, ship.order).await,
        ["shop.shipment.created.v1", "shop.shipment.cancelled.v1"]
    );
}

async fn a_cancellation_that_comes_first_keeps_the_parcel_in_the_house(store: &Store) {
    let ship = ship();
    assert!(store.cancel(ship.id).await.unwrap().is_ok());
    assert_eq!(store.create(&ship).await.unwrap(), Err(Refusal::Cancelled));
    assert_eq!(store.of_order(ship.order).await.unwrap(), None);
    assert!(told(store, ship.order).await.is_empty());
}

async fn what_is_on_its_way_cannot_be_called_back(store: &Store) {
    let ship = ship();
    assert_eq!(store.dispatch(ship.id).await.unwrap(), None);
    store.create(&ship).await.unwrap().unwrap();
    for _ in 0..2 {
        let dispatched = store.dispatch(ship.id).await.unwrap().unwrap().unwrap();
        assert_eq!(dispatched.status, Status::Dispatched);
    }
    assert_eq!(
        store.cancel(ship.id).await.unwrap(),
        Err(Refusal::Dispatched)
    );
    // A late duplicate finds the parcel under way.
    assert!(store.create(&ship).await.unwrap().is_ok());
    assert_eq!(
        told(store, ship.order).await,
        ["shop.shipment.created.v1", "shop.shipment.dispatched.v1"]
    );
}

async fn other_contents_are_refused(store: &Store) {
    let first = ship();
    store.create(&first).await.unwrap().unwrap();
    let more = Ship {
        lines: vec![Line {
            product: "tea".into(),
            quantity: 3,
        }],
        ..first.clone()
    };
    assert_eq!(store.create(&more).await.unwrap(), Err(Refusal::Exists));
    let second = Ship {
        id: ShipmentId::generate(),
        ..first
    };
    assert_eq!(store.create(&second).await.unwrap(), Err(Refusal::Exists));
}

async fn a_list_in_pieces_is_the_whole(store: &Store) {
    list_in_pieces(
        |page| async move { store.list(&page).await },
        |one| one.id.to_string(),
    )
    .await;
}

//! The same suite on both databases.

use axum::response::IntoResponse;
use shop_kit::{
    events::Line,
    idempotency::IdempotencyKey,
    ids::{OrderId, ReservationId},
    money::{Currency, Money},
    testing::{TestDb, list_in_pieces, on_postgres},
};

use tower_keep_durable::Event;

use super::*;
use crate::domain::{Product, Refusal, Reserve, status};

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
    let product = |sku: &str, on_hand| Product {
        sku: sku.into(),
        name: sku.into(),
        price: Money::new(250, Currency::EUR),
        on_hand,
    };
    store
        .seed(&[product("tea", 10), product("mug", 5)])
        .await
        .unwrap();
    // A restart seeds again and changes nothing.
    store.seed(&[product("tea", 10)]).await.unwrap();

    stock_is_set_aside_once_and_put_back_once(store).await;
    all_lines_or_none(store).await;
    a_release_that_comes_first_keeps_the_reservation_out(store).await;
    what_left_can_come_back_and_leaves_once(store).await;
    react::suite(store).await;
    racing_reservations_never_oversell(store).await;
    every_change_was_told(store).await;
    a_list_in_pieces_is_the_whole(store).await;
    for product in store.products().await.unwrap() {
        assert_eq!(
            product.on_hand + product.reserved + product.shipped,
            product.seeded,
            "{product:?}"
        );
    }
}

fn reserve(lines: &[(&str, i64)]) -> Reserve {
    let lines = lines.iter().map(|&(product, quantity)| Line {
        product: product.into(),
        quantity,
    });
    Reserve {
        id: ReservationId::generate(),
        order: OrderId::generate(),
        lines: lines.collect(),
    }
}

async fn send(store: &Store, reserve: &Reserve) -> u16 {
    let key = IdempotencyKey::new(&reserve.order.to_string()).unwrap();
    let keyed = key.asks("POST /reservations", reserve);
    store
        .reserve(&keyed, reserve)
        .await
        .into_response()
        .status()
        .as_u16()
}

async fn stock(store: &Store, sku: &str) -> (i64, i64) {
    let products = store.products().await.unwrap();
    let product = products.iter().find(|product| product.sku == sku).unwrap();
    (product.on_hand, product.reserved)
}

async fn stock_is_set_aside_once_and_put_back_once(store: &Store) {
    let request = reserve(&[("tea", 2), ("mug", 1)]);
    for _ in 0..3 {
        assert_eq!(send(store, &request).await, 201);
    }
    assert_eq!(
        (stock(store, "tea").await, stock(store, "mug").await),
        ((8, 2), (4, 1))
    );
    let held = store.of_order(request.order).await.unwrap().unwrap();
    assert_eq!(
        (held.status, held.total.unwrap().minor),
        (status::HELD, 750)
    );
    for _ in 0..2 {
        assert_eq!(
            store.release(request.id).await.unwrap().status,
            status::RELEASED
        );
    }
    assert_eq!(
        (stock(store, "tea").await, stock(store, "mug").await),
        ((10, 0), (5, 0))
    );
}

async fn all_lines_or_none(store: &Store) {
    let request = reserve(&[("tea", 1), ("mug", 6)]);
    assert_eq!(send(store, &request).await, 409);
    assert_eq!(stock(store, "tea").await, (10, 0));
    assert_eq!(send(store, &reserve(&[("tee", 1)])).await, 404);
    let enough = reserve(&[("mug", 5)]);
    assert_eq!(send(store, &enough).await, 201);
    let late = reserve(&[("mug", 1)]);
    assert_eq!(send(store, &late).await, 409);
    store.release(enough.id).await.unwrap();
    assert_eq!(
        send(store, &late).await,
        409,
        "a late duplicate must not succeed"
    );
    assert_eq!(
        store.release(late.id).await.unwrap().status,
        status::REFUSED
    );
    assert_eq!(stock(store, "mug").await, (5, 0));
}

async fn a_release_that_comes_first_keeps_the_reservation_out(store: &Store) {
    let request = reserve(&[("tea", 1)]);
    assert_eq!(
        store.release(request.id).await.unwrap().status,
        status::RELEASED
    );
    assert_eq!(send(store, &request).await, 409);
    assert_eq!(stock(store, "tea").await, (10, 0));
}

async fn what_left_can_come_back_and_leaves_once(store: &Store) {
    let request = reserve(&[("tea", 2)]);
    assert_eq!(store.commit(request.id).await.unwrap(), None);
    assert_eq!(send(store, &request).await, 201);
    for _ in 0..2 {
        let committed = store.commit(request.id).await.unwrap().unwrap().unwrap();
        assert_eq!(committed.status, status::COMMITTED);
    }
    assert_eq!(stock(store, "tea").await, (8, 0));
    assert_eq!(send(store, &request).await, 201, "the answer of last time");
    for _ in 0..2 {
        store.release(request.id).await.unwrap();
    }
    assert_eq!(stock(store, "tea").await, (10, 0));
    let late = store.commit(request.id).await.unwrap().unwrap();
    assert_eq!(late, Err(Refusal::Released));
}

async fn every_change_was_told(store: &Store) {
    let bodies: Vec<(String,)> = sqlx::query_as("SELECT body FROM keep_outbox")
        .fetch_all(store.db.pool())
        .await
        .unwrap();
    let told = |kind: &str| {
        let events = bodies.iter().map(|(body,)| Event::from_json(body).unwrap());
        i64::try_from(events.filter(|event| event.kind() == kind).count()).unwrap()
    };
    let (held, released): (i64, i64) = sqlx::query_as(
        "SELECT COUNT(*), CAST(SUM(CASE WHEN status = 'released' THEN 1 ELSE 0 END) AS BIGINT)
         FROM reservations WHERE total IS NOT NULL",
    )
    .fetch_one(store.db.pool())
    .await
    .unwrap();
    assert_eq!(told("shop.stock.held.v1"), held);
    // By choreography also those who never had any, and whoever asks again.
    assert_eq!(
        told("shop.stock.released.v1"),
        released + react::RELEASED_NOTHING
    );
    assert_eq!(told("shop.stock.committed.v1"), 1 + react::COMMITTED);
    assert!(told("shop.stock.rejected.v1") > 0);
}

async fn racing_reservations_never_oversell(store: &Store) {
    let racers: Vec<_> = (0..8)
        .map(|at| {
            let store = store.clone();
            // Both directions: sorted locking keeps them from waiting for each other.
            let lines = if at % 2 == 0 {
                [("tea", 3), ("mug", 1)]
            } else {
                [("mug", 1), ("tea", 3)]
            };
            tokio::spawn(async move { send(&store, &reserve(&lines)).await })
        })
        .collect();
    let mut held = 0;
    for racer in racers {
        held += i64::from(racer.await.unwrap() == 201);
    }
    assert_eq!(
        (held, stock(store, "tea").await, stock(store, "mug").await),
        (3, (1, 9), (2, 3))
    );
}

async fn a_list_in_pieces_is_the_whole(store: &Store) {
    let all = list_in_pieces(
        |page| async move { store.list(&page).await },
        |one| one.reservation.id.to_string(),
    )
    .await;
    let held = |listed: &&Listed| listed.reservation.status == status::HELD;
    let lines = all.iter().filter(held).flat_map(|listed| &listed.lines);
    let reserved: i64 = lines.map(|line| line.quantity).sum();
    let products = store.products().await.unwrap();
    let counted: i64 = products.iter().map(|product| product.reserved).sum();
    assert_eq!(reserved, counted, "the lines are those of the reservations");
}

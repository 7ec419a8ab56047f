//! The same suite on both databases.

use axum::response::IntoResponse;
use shop_kit::{
    idempotency::{IdempotencyKey, Keyed},
    ids::{OrderId, PaymentId},
    money::{Currency, Money},
    testing::{TestDb, on_postgres},
};

use super::*;
use crate::domain::{Account, Charge, status};

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
    let euro = |minor| Money::new(minor, Currency::EUR);
    let account = |id: &str, minor| Account {
        id: id.into(),
        balance: euro(minor),
        blocked: false,
    };
    store
        .seed(&[account("rich", 1_000), account("poor", 10)])
        .await
        .unwrap();
    // A restart seeds again and changes nothing.
    store.seed(&[account("rich", 1_000)]).await.unwrap();

    a_charge_is_taken_once(store).await;
    a_refusal_stays_a_refusal(store).await;
    a_refund_that_comes_first_keeps_the_charge_out(store).await;
    an_order_is_paid_once(store).await;
    racing_charges_never_overdraw(store).await;
    for account in store.accounts().await.unwrap() {
        assert_eq!(
            account.balance + account.captured,
            account.seeded,
            "{account:?}"
        );
    }
}

fn charge(account: &str, minor: i64) -> Charge {
    Charge {
        id: PaymentId::generate(),
        order: OrderId::generate(),
        account: account.into(),
        amount: Money::new(minor, Currency::EUR),
    }
}

async fn send(store: &Store, charge: &Charge) -> u16 {
    let key = IdempotencyKey::new(&charge.order.to_string()).unwrap();
    let keyed = Keyed::new("POST /payments", key, charge);
    store
        .charge(&keyed, charge)
        .await
        .into_response()
        .status()
        .as_u16()
}

async fn balance(store: &Store, id: &str) -> i64 {
    let accounts = store.accounts().await.unwrap();
    accounts
        .iter()
        .find(|account| account.id == id)
        .unwrap()
        .balance
}

async fn a_charge_is_taken_once(store: &Store) {
    let charge = charge("rich", 100);
    for _ in 0..3 {
        assert_eq!(send(store, &charge).await, 201);
    }
    assert_eq!(balance(store, "rich").await, 900);
    for _ in 0..2 {
        assert_eq!(
            store.refund(charge.id).await.unwrap().status,
            status::REFUNDED
        );
    }
    assert_eq!(balance(store, "rich").await, 1_000);
    assert_eq!(
        store.of_order(charge.order).await.unwrap().unwrap().status,
        status::REFUNDED
    );
}

async fn a_refusal_stays_a_refusal(store: &Store) {
    let charge = charge("poor", 50);
    assert_eq!(send(store, &charge).await, 402);
    sqlx::query("UPDATE accounts SET balance = 90, seeded = 90 WHERE id = 'poor'")
        .execute(store.db.pool())
        .await
        .unwrap();
    assert_eq!(
        send(store, &charge).await,
        402,
        "a late duplicate must not succeed"
    );
    assert_eq!(
        store.refund(charge.id).await.unwrap().status,
        status::REFUSED
    );
    assert_eq!(balance(store, "poor").await, 90);
    assert_eq!(send(store, &self::charge("nobody", 1)).await, 404);
}

async fn a_refund_that_comes_first_keeps_the_charge_out(store: &Store) {
    let charge = charge("rich", 100);
    assert_eq!(
        store.refund(charge.id).await.unwrap().status,
        status::VOIDED
    );
    assert_eq!(send(store, &charge).await, 409);
    assert_eq!(balance(store, "rich").await, 1_000);
}

async fn an_order_is_paid_once(store: &Store) {
    let first = charge("rich", 100);
    assert_eq!(send(store, &first).await, 201);
    let second = Charge {
        id: PaymentId::generate(),
        ..first.clone()
    };
    let key = IdempotencyKey::new("another key").unwrap_err();
    assert_eq!(key.status, 400, "a blank is no visible character");
    let keyed = Keyed::new(
        "POST /payments",
        IdempotencyKey::new("another-key").unwrap(),
        &second,
    );
    assert_eq!(
        store.charge(&keyed, &second).await.into_response().status(),
        409
    );
    assert_eq!(balance(store, "rich").await, 900);
}

async fn racing_charges_never_overdraw(store: &Store) {
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { send(&store, &charge("poor", 30)).await })
        })
        .collect();
    let mut paid = 0;
    for racer in racers {
        paid += i64::from(racer.await.unwrap() == 201);
    }
    assert_eq!((paid, balance(store, "poor").await), (3, 0));
}

//! The same suite on both databases.

use shop_kit::{
    ids::PaymentId,
    money::{Currency, Money},
    testing::{TestDb, list_in_pieces, on_postgres},
};

use super::*;
use crate::domain::{Authorize, Card, Status, Verb};

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
    let card = |minor| Card {
        balance: Money::new(minor, Currency::EUR),
        blocked: false,
    };
    let cards = [("rich", card(1_000)), ("poor", card(100))];
    // A restart seeds again and changes nothing.
    for _ in 0..2 {
        store.seed(&cards).await.unwrap();
    }
    money_goes_where_the_verbs_say_once(store).await;
    a_decline_stays_one(store).await;
    a_void_that_comes_first_keeps_the_authorization_out(store).await;
    an_id_is_one_authorization(store).await;
    racing_authorizations_never_overdraw(store).await;
    racing_capture_and_void_do_one_of_the_two(store).await;
    a_list_in_pieces_is_the_whole(store).await;
}

fn request(card: &str, minor: i64) -> Authorize {
    Authorize {
        id: PaymentId::generate(),
        card: card.into(),
        amount: Money::new(minor, Currency::EUR),
    }
}

/// Free, held and taken money, and how many captures.
async fn books(store: &Store, card: &str) -> (i64, i64, i64, i64) {
    let cards = store.cards().await.unwrap();
    let card = cards.iter().find(|one| one.id == card).unwrap();
    (card.balance, card.held, card.taken, card.captured)
}

async fn money_goes_where_the_verbs_say_once(store: &Store) {
    let request = request("rich", 100);
    for _ in 0..2 {
        let answer = store.authorize(&request).await.unwrap();
        assert_eq!(answer.status, Status::Authorized);
    }
    assert_eq!(books(store, "rich").await, (900, 100, 0, 0));
    for _ in 0..2 {
        store.apply(Verb::Capture, request.id).await.unwrap();
    }
    assert_eq!(books(store, "rich").await, (900, 0, 100, 1));
    assert_eq!(
        store
            .apply(Verb::Void, request.id)
            .await
            .unwrap_err()
            .status,
        409
    );
    for _ in 0..2 {
        store.apply(Verb::Refund, request.id).await.unwrap();
    }
    assert_eq!(books(store, "rich").await, (1_000, 0, 0, 0));
    let found = store.find(request.id).await.unwrap().unwrap();
    assert_eq!(
        (found.status, found.amount),
        (Status::Refunded, Some(request.amount))
    );
    assert!(store.find(PaymentId::generate()).await.unwrap().is_none());
}

async fn a_decline_stays_one(store: &Store) {
    let first = request("poor", 60);
    store.authorize(&first).await.unwrap();
    let late = request("poor", 60);
    let declined = store.authorize(&late).await.unwrap();
    assert_eq!(
        declined.decline.as_ref().unwrap().code,
        "insufficient-funds"
    );
    store.apply(Verb::Void, first.id).await.unwrap();
    assert_eq!(books(store, "poor").await, (100, 0, 0, 0));
    assert_eq!(store.authorize(&late).await.unwrap(), declined);
    assert_eq!(store.apply(Verb::Void, late.id).await.unwrap(), declined);
    assert_eq!(
        store
            .apply(Verb::Capture, late.id)
            .await
            .unwrap_err()
            .status,
        409
    );
}

async fn a_void_that_comes_first_keeps_the_authorization_out(store: &Store) {
    let request = request("rich", 100);
    let missing = store.apply(Verb::Capture, request.id).await.unwrap_err();
    assert_eq!(missing.status, 404);
    store.apply(Verb::Void, request.id).await.unwrap();
    assert_eq!(
        store.authorize(&request).await.unwrap().status,
        Status::Voided
    );
    assert_eq!(books(store, "rich").await, (1_000, 0, 0, 0));
}

async fn an_id_is_one_authorization(store: &Store) {
    let first = request("rich", 100);
    store.authorize(&first).await.unwrap();
    let other = Authorize {
        card: "poor".into(),
        ..first.clone()
    };
    assert_eq!(store.authorize(&other).await.unwrap_err().status, 409);
    store.apply(Verb::Void, first.id).await.unwrap();
}

async fn racing_authorizations_never_overdraw(store: &Store) {
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.authorize(&request("poor", 30)).await.unwrap() })
        })
        .collect();
    let mut held = Vec::new();
    for racer in racers {
        let answer = racer.await.unwrap();
        held.extend((answer.status == Status::Authorized).then_some(answer.id));
    }
    assert_eq!(
        (held.len(), books(store, "poor").await),
        (3, (10, 90, 0, 0))
    );
    for id in held {
        store.apply(Verb::Void, id).await.unwrap();
    }
}

async fn racing_capture_and_void_do_one_of_the_two(store: &Store) {
    for _ in 0..8 {
        let request = request("rich", 100);
        store.authorize(&request).await.unwrap();
        let (capture, void) = tokio::join!(
            store.apply(Verb::Capture, request.id),
            store.apply(Verb::Void, request.id)
        );
        assert!(capture.is_ok() != void.is_ok(), "{capture:?}, {void:?}");
        if capture.is_ok() {
            store.apply(Verb::Refund, request.id).await.unwrap();
        }
    }
    assert_eq!(books(store, "rich").await, (1_000, 0, 0, 0));
}

async fn a_list_in_pieces_is_the_whole(store: &Store) {
    list_in_pieces(
        |page| async move { store.list(&page).await },
        |one| one.id.to_string(),
    )
    .await;
}

use axum::response::IntoResponse;
use serde_json::json;
use shop_kit::testing::list_in_pieces;
use tower_keep_durable::Event;

use super::*;
use crate::domain::{Refusal, Status, Verb, ledger};

#[tokio::test]
async fn the_store_keeps_its_promises_on_sqlite() {
    let test = TestDb::sqlite(SCHEMA).await;
    all(&store(test.db.clone())).await;
}

#[tokio::test]
async fn the_store_keeps_its_promises_on_postgres() {
    on_postgres(SCHEMA, |db| async move { all(&store(db)).await }).await;
}

async fn all(store: &Store) {
    a_request_is_accepted_once(store).await;
    a_void_that_comes_first_keeps_the_payment_out(store).await;
    of_capture_and_void_one_wins(store).await;
    each_change_is_booked_and_told_once(store).await;
    a_webhook_counts_once(store).await;
    intents_come_due_after_their_time(store).await;
    the_database_refuses_what_does_not_add_up(store).await;
    a_list_in_pieces_is_the_whole(store).await;
}

async fn status_of(store: &Store, request: &Authorize) -> Status {
    store.load(request.id).await.unwrap().unwrap().status
}

async fn refused(store: &Store, keyed: &Keyed, request: &Authorize) -> u16 {
    match store.accept(keyed, request).await.unwrap() {
        Accepted::Answered(answer) => answer.into_response().status().as_u16(),
        other => panic!("{other:?}"),
    }
}

async fn a_request_is_accepted_once(store: &Store) {
    let request = request(100);
    let accepted = store.accept(&keyed(&request), &request).await.unwrap();
    let Accepted::Fresh(first) = accepted else {
        panic!("{accepted:?}");
    };
    let accepted = store.accept(&keyed(&request), &request).await.unwrap();
    let Accepted::Again(second) = accepted else {
        panic!("{accepted:?}");
    };
    let answer = Refusal::Voided;
    let answer = shop_kit::problem::Problem::from(answer).into();
    store.answer(&second, &answer).await.unwrap();
    // Too late, and no harm.
    store.answer(&first, &answer).await.unwrap();
    assert_eq!(refused(store, &keyed(&request), &request).await, 409);

    let key = |text: &str| IdempotencyKey::new(text).unwrap();
    let again = key(&request.id.to_string()).asks("POST /payments", &request);
    assert_eq!(refused(store, &again, &request).await, 409, "another key");
    let second = Authorize {
        id: PaymentId::generate(),
        ..request
    };
    let other = key(&second.id.to_string()).asks("POST /payments", &second);
    for _ in 0..2 {
        assert_eq!(
            refused(store, &other, &second).await,
            409,
            "one for an order"
        );
    }
}

async fn a_void_that_comes_first_keeps_the_payment_out(store: &Store) {
    for verb in [Verb::Void, Verb::Refund] {
        let request = request(100);
        let missing = store.want(Verb::Capture, request.id).await.unwrap();
        assert_eq!(missing, Wanted::Refused(Refusal::Unknown(request.id)));
        let Wanted::Done(tombstone) = store.want(verb, request.id).await.unwrap() else {
            panic!("nothing is under way");
        };
        assert_eq!((tombstone.status, tombstone.terms), (Status::Voided, None));
        assert_eq!(refused(store, &keyed(&request), &request).await, 409);
        let late = says(request.id, Network::Authorized);
        store.learn(&late).await.unwrap();
        assert_eq!(status_of(store, &request).await, Status::Voided);
    }
    assert_eq!(balance(store, ledger::PENDING).await, 0);
}

async fn of_capture_and_void_one_wins(store: &Store) {
    for _ in 0..4 {
        let request = request(100);
        store.accept(&keyed(&request), &request).await.unwrap();
        let held = says(request.id, Network::Authorized);
        store.learn(&held).await.unwrap();
        let (capture, void) = tokio::join!(
            store.want(Verb::Capture, request.id),
            store.want(Verb::Void, request.id)
        );
        let both = [capture.unwrap(), void.unwrap()];
        let begun = both.iter().filter(|one| matches!(one, Wanted::Begun(_)));
        assert_eq!(begun.count(), 1, "{both:?}");
        let under_way = both.iter().filter(|one| matches!(one, Wanted::UnderWay(_)));
        assert_eq!(under_way.count(), 1, "{both:?}");
        for said in [Network::Captured, Network::Voided] {
            store.learn(&says(request.id, said)).await.unwrap();
        }
        store.want(Verb::Refund, request.id).await.unwrap();
        let given_back = says(request.id, Network::Refunded);
        store.learn(&given_back).await.unwrap();
    }
    assert_eq!(balance(store, ledger::RECEIVABLE).await, 0);
}

async fn each_change_is_booked_and_told_once(store: &Store) {
    let before = balance(store, ledger::REVENUE).await;
    let request = request(70);
    store.accept(&keyed(&request), &request).await.unwrap();
    let learn = async |status| {
        for _ in 0..2 {
            store.learn(&says(request.id, status)).await.unwrap();
        }
    };
    learn(Network::Authorized).await;
    assert_eq!(balance(store, &ledger::authorized("cus_a")).await, 70);
    store.want(Verb::Capture, request.id).await.unwrap();
    // What it said before, late.
    learn(Network::Authorized).await;
    assert_eq!(status_of(store, &request).await, Status::Capturing);
    learn(Network::Captured).await;
    assert_eq!(balance(store, &ledger::authorized("cus_a")).await, 0);
    assert_eq!(balance(store, ledger::RECEIVABLE).await, 70);
    store.want(Verb::Refund, request.id).await.unwrap();
    learn(Network::Refunded).await;
    assert_eq!(balance(store, ledger::RECEIVABLE).await, 0);
    assert_eq!(balance(store, ledger::REVENUE).await, before - 70);

    let told: Vec<(String,)> = sqlx::query_as("SELECT body FROM keep_outbox ORDER BY position")
        .fetch_all(store.db.pool())
        .await
        .unwrap();
    let told = told.iter().map(|(body,)| Event::from_json(body).unwrap());
    let told: Vec<_> = told
        .filter(|event| event.key() == Some(&*request.order.to_string()))
        .map(|event| event.kind().to_owned())
        .collect();
    let kinds = ["authorized", "captured", "refunded"];
    assert_eq!(told, kinds.map(|kind| format!("shop.payment.{kind}.v1")));
}

async fn a_webhook_counts_once(store: &Store) {
    let request = request(100);
    store.accept(&keyed(&request), &request).await.unwrap();
    let event = Event::new("/cards", "cards.authorization.declined.v1", json!({}));
    let report = says(request.id, Network::Declined);
    assert!(store.take_webhook(&event, &report).await.unwrap());
    assert!(!store.take_webhook(&event, &report).await.unwrap());
    let found = store.load(request.id).await.unwrap().unwrap();
    assert_eq!(
        (found.status, found.decline),
        (Status::Declined, report.decline)
    );
    // Of something that was never asked for here.
    let stranger = says(PaymentId::generate(), Network::Captured);
    let event = Event::new("/cards", "cards.authorization.captured.v1", json!({}));
    assert!(store.take_webhook(&event, &stranger).await.unwrap());
}

async fn intents_come_due_after_their_time(store: &Store) {
    let clock = store.db.clock().clone();
    clock.advance(GRACE * 100);
    for left in store.take(100).await.unwrap() {
        store
            .learn(&says(left.id, Network::Declined))
            .await
            .unwrap();
    }
    assert_eq!(store.take(100).await.unwrap(), []);
    let request = request(100);
    store.accept(&keyed(&request), &request).await.unwrap();
    assert_eq!(store.take(100).await.unwrap(), []);
    clock.advance(GRACE);
    let mut taken = store.take(100).await.unwrap();
    assert_eq!(store.take(100).await.unwrap(), [], "one at a time has it");
    clock.advance(GRACE);
    assert_eq!(
        store.take(100).await.unwrap(),
        taken,
        "it died, the next has it"
    );
    let mut waits = Vec::new();
    for _ in 0..8 {
        let [due] = &taken[..] else {
            panic!("one is due");
        };
        store.postpone(due.id).await.unwrap();
        let mut wait = 0;
        while {
            taken = store.take(100).await.unwrap();
            taken.is_empty()
        } {
            clock.advance(Duration::from_secs(1));
            wait += 1;
        }
        waits.push(wait);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    let settled = says(request.id, Network::Authorized);
    store.learn(&settled).await.unwrap();
    store.postpone(request.id).await.unwrap();
    clock.advance(GRACE * 100);
    assert_eq!(store.take(100).await.unwrap(), []);
}

async fn the_database_refuses_what_does_not_add_up(store: &Store) {
    let request = request(100);
    store.accept(&keyed(&request), &request).await.unwrap();
    let book = async |debit: &str, credit: &str, amount: i64| {
        let written = sqlx::query(
            "INSERT INTO transfers (payment_id, verb, debit, credit, currency, amount, booked_at)
             VALUES ($1, 'test', $2, $3, 'XTS', $4, 0)",
        );
        let written = written
            .bind(request.id.to_string())
            .bind(debit)
            .bind(credit);
        written.bind(amount).execute(store.db.pool()).await
    };
    for amount in [0, -1] {
        assert!(book("a", "b", amount).await.is_err(), "{amount}");
    }
    assert!(book("a", "a", 1).await.is_err(), "to where it came from");
    book("a", "b", 1).await.unwrap();
    assert!(book("a", "b", 1).await.is_err(), "twice for one payment");
}

async fn a_list_in_pieces_is_the_whole(store: &Store) {
    list_in_pieces(
        |page| async move { store.list(&page).await },
        |one| one.id.to_string(),
    )
    .await;
}

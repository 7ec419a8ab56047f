use std::time::Duration;

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::{
    db::Db,
    testing::{TestDb, on_postgres},
};

const LEASE: Duration = Duration::from_secs(60);

fn keyed(key: &str, payload: &Value) -> Keyed {
    Keyed::new("POST /things", IdempotencyKey::new(key).unwrap(), payload)
}

#[tokio::test]
async fn the_key_matrix_holds_on_sqlite() {
    matrix(&TestDb::sqlite(&[SCHEMA]).await.db).await;
}

#[tokio::test]
async fn the_key_matrix_holds_on_postgres() {
    on_postgres(&[SCHEMA], |db| async move { matrix(&db).await }).await;
}

async fn matrix(db: &Db) {
    let request = keyed("a", &json!({"n": 1}));
    let answer = Answer::new(StatusCode::CREATED, &json!({"id": 7})).location("/things/7".into());

    let mut tx = db.begin_write().await.unwrap();
    assert_eq!(
        begin(&mut tx, &request, "t7", LEASE).await.unwrap(),
        Begun::Fresh
    );
    tx.commit().await.unwrap();

    let mut tx = db.begin_write().await.unwrap();
    let running = begin(&mut tx, &request, "t7", LEASE).await.unwrap_err();
    assert_eq!((running.status, running.retry_after.is_some()), (409, true));
    let other = begin(&mut tx, &keyed("a", &json!({"n": 2})), "t7", LEASE)
        .await
        .unwrap_err();
    assert_eq!(other.status, 422);
    finish(&mut tx, &request, &answer).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = db.begin_write().await.unwrap();
    let Begun::Answered(again) = begin(&mut tx, &request, "t8", LEASE).await.unwrap() else {
        panic!("the answer was recorded");
    };
    let response = again.into_response();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["idempotent-replayed"], "true");
    assert_eq!(response.headers()["location"], "/things/7");

    // A rolled back effect takes its key with it.
    drop(tx);
    let mut tx = db.begin_write().await.unwrap();
    begin(&mut tx, &keyed("b", &json!({})), "t9", LEASE)
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    let mut tx = db.begin_write().await.unwrap();
    assert_eq!(
        begin(&mut tx, &keyed("b", &json!({})), "t9", LEASE)
            .await
            .unwrap(),
        Begun::Fresh
    );
    tx.commit().await.unwrap();

    // A lease that ran out is taken over once.
    let mut tx = db.begin_write().await.unwrap();
    begin(&mut tx, &keyed("c", &json!({})), "t10", Duration::ZERO)
        .await
        .unwrap();
    let taken = begin(&mut tx, &keyed("c", &json!({})), "t11", LEASE)
        .await
        .unwrap();
    assert_eq!(taken, Begun::Abandoned("t10".to_owned()));
    assert_eq!(
        begin(&mut tx, &keyed("c", &json!({})), "t11", LEASE)
            .await
            .unwrap_err()
            .status,
        409
    );
    tx.commit().await.unwrap();
    forget_old(db).await.unwrap();
}

#[tokio::test]
async fn of_many_at_once_with_one_key_exactly_one_does_the_work() {
    let test = TestDb::sqlite(&[SCHEMA]).await;
    race(&test.db).await;
    on_postgres(&[SCHEMA], |db| async move { race(&db).await }).await;
}

async fn race(db: &Db) {
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                let request = keyed("race", &json!({}));
                let mut tx = db.begin_write().await.unwrap();
                let begun = begin(&mut tx, &request, "s", LEASE).await.unwrap();
                finish(&mut tx, &request, &Answer::new(StatusCode::OK, &json!({})))
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                begun == Begun::Fresh
            })
        })
        .collect();
    let mut fresh = 0;
    for racer in racers {
        fresh += i32::from(racer.await.unwrap());
    }
    assert_eq!(fresh, 1);
}

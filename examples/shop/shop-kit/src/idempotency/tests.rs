use std::time::Duration;

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::json;

use super::*;
use crate::{problem::Problem, testing::TestDb};

fn keyed(key: &str, number: i32) -> Keyed {
    let payload = json!({"n": number});
    IdempotencyKey::new(key)
        .unwrap()
        .asks("POST /things", &payload)
}

#[tokio::test]
async fn an_answer_is_given_again_with_its_headers_and_marked() {
    let test = TestDb::sqlite(&[SCHEMA]).await;
    let (db, keys) = (&test.db, Keys::new(&test.db));
    let made = Answer::new(StatusCode::CREATED, &json!({"id": 7})).location("/things/7");
    let refused = Answer::from(Problem::invalid("n", "it is odd"));
    for (key, answer) in [("made", made), ("refused", refused)] {
        let mut tx = db.begin_write().await.unwrap();
        let Begun::Fresh(ticket) = keys.begin(&mut tx, &keyed(key, 1)).await.unwrap() else {
            panic!("{key} was there before");
        };
        keys.finish(&mut tx, &ticket, &answer).await.unwrap();
        let Begun::Answered(again) = keys.begin(&mut tx, &keyed(key, 1)).await.unwrap() else {
            panic!("{key} was answered");
        };
        tx.commit().await.unwrap();

        let (first, again) = (answer.into_response(), Answer::from(again).into_response());
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(first.status(), again.status());
        for name in ["content-type", "location"] {
            assert_eq!(first.headers().get(name), again.headers().get(name));
        }
        assert_eq!(again.headers().contains_key("location"), key == "made");
    }
    forget_old(db).await.unwrap();
}

#[tokio::test]
async fn what_a_key_does_not_let_through_is_a_problem_that_says_what_to_do() {
    let test = TestDb::sqlite(&[SCHEMA]).await;
    let keys = Keys::new(&test.db);
    let mut tx = test.db.begin_write().await.unwrap();
    let lease = Duration::from_secs(60);
    let request = keyed("k", 1);
    keys.begin_lasting(&mut tx, &request, "t7", lease)
        .await
        .unwrap();
    let problem = |error: KeyError| {
        let problem = Problem::from(error);
        assert!(problem.remedy.is_some() && problem.field.as_deref() == Some("Idempotency-Key"));
        problem
    };
    let running = problem(keys.begin(&mut tx, &request).await.unwrap_err());
    let soon = Some(Duration::from_secs(1));
    assert_eq!((running.status, running.retry_after), (409, soon));
    let reused = problem(keys.begin(&mut tx, &keyed("k", 2)).await.unwrap_err());
    assert_eq!(reused.status, 422);
    for error in [KeyError::TakenOver, KeyError::Cancelled, KeyError::Executed] {
        assert_eq!(problem(error).status, 409);
    }
}

use std::time::Duration;

use tower_keep_durable::{
    Clock, Db,
    idempotency::{Answer, Begun, Cancelled, Key, KeyError, Keys},
};

use super::{SCHEMAS, add, execute, free, key, take};

/// Cancels as a service does: what was done is undone in the same transaction.
pub(super) async fn cancel(db: &Db, key: &Key) -> Result<Cancelled, KeyError> {
    let mut tx = db.begin_write().await?;
    let cancelled = Keys::new(db).cancel(&mut tx, key).await?;
    if let Cancelled::Undo(_) = cancelled {
        add(&mut tx, 1).await;
    }
    tx.commit().await?;
    Ok(cancelled)
}

/// Found out by mutant D.
async fn what_was_cancelled_before_it_came_is_never_executed(db: Db) {
    for _ in 0..2 {
        let cancelled = cancel(&db, &key("a")).await.unwrap();
        assert_eq!(cancelled, Cancelled::Nothing);
    }
    for _ in 0..2 {
        let late = execute(&db, &take("a")).await.unwrap_err();
        assert!(matches!(late, KeyError::Cancelled), "{late}");
    }
    assert_eq!(free(&db).await, 1);
}

async fn what_was_done_is_undone_once(db: Db) {
    let done = execute(&db, &take("a")).await.unwrap();
    let Cancelled::Undo(undo) = cancel(&db, &key("a")).await.unwrap() else {
        panic!("it was done");
    };
    assert_eq!(undo.body(), done.body());
    assert_eq!(
        cancel(&db, &key("a")).await.unwrap(),
        Cancelled::Undone(undo)
    );
    let late = execute(&db, &take("a")).await.unwrap_err();
    assert!(matches!(late, KeyError::Cancelled), "{late}");
    assert_eq!(free(&db).await, 1);
}

async fn a_rejection_has_nothing_to_undo(db: Db) {
    execute(&db, &take("a")).await.unwrap();
    assert!(execute(&db, &take("b")).await.unwrap().is_rejection());
    for _ in 0..2 {
        let cancelled = cancel(&db, &key("b")).await.unwrap();
        assert_eq!(cancelled, Cancelled::Nothing);
    }
    let late = execute(&db, &take("b")).await.unwrap_err();
    assert!(matches!(late, KeyError::Cancelled), "{late}");
}

async fn a_cancellation_that_is_rolled_back_never_was(db: Db) {
    let keys = Keys::new(&db);
    execute(&db, &take("a")).await.unwrap();
    let mut tx = db.begin_write().await.unwrap();
    keys.cancel(&mut tx, &key("a")).await.unwrap();
    drop(tx);
    assert!(execute(&db, &take("a")).await.unwrap().is_replayed());
    assert!(matches!(
        cancel(&db, &key("a")).await.unwrap(),
        Cancelled::Undo(_)
    ));
}

async fn abandoned_work_is_told_and_cannot_go_on(db: Db) {
    let clock = Clock::manual();
    let db = db.with_clock(clock.clone());
    let keys = Keys::new(&db);
    let lease = Duration::from_secs(1);
    let mut tx = db.begin_write().await.unwrap();
    let request = take("a");
    let begun = keys.begin_lasting(&mut tx, &request, "order-7", lease);
    let Ok(Begun::Fresh(ticket)) = begun.await else {
        panic!("it is fresh");
    };
    tx.commit().await.unwrap();
    clock.advance(lease);
    assert_eq!(
        cancel(&db, &key("a")).await.unwrap(),
        Cancelled::Abandoned("order-7".to_owned())
    );
    assert_eq!(cancel(&db, &key("a")).await.unwrap(), Cancelled::Nothing);
    let mut tx = db.begin_write().await.unwrap();
    let answer = Answer::new(200, "");
    let late = keys.finish(&mut tx, &ticket, &answer).await;
    assert!(matches!(late, Err(KeyError::TakenOver)), "{late:?}");
}

on_both! {
    what_was_cancelled_before_it_came_is_never_executed
    what_was_done_is_undone_once
    a_rejection_has_nothing_to_undo
    a_cancellation_that_is_rolled_back_never_was
    abandoned_work_is_told_and_cannot_go_on
}

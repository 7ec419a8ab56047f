use std::time::Duration;

use tower_keep_durable::{
    Clock, Db,
    idempotency::{Answer, Begun, KeyError, Keys},
};

use super::{SCHEMAS, add, execute, free, key, restock, take};

const LEASE: Duration = Duration::from_secs(60);

async fn a_repeat_gets_the_same_answer_and_changes_nothing(db: Db) {
    let first = execute(&db, &take("a")).await.unwrap();
    let again = execute(&db, &take("a")).await.unwrap();
    assert_eq!((first.status(), first.is_replayed()), (201, false));
    assert_eq!((again.status(), again.is_replayed()), (201, true));
    assert_eq!(first.body(), again.body());
    assert!(again.headers().eq(first.headers()));
    assert_eq!(free(&db).await, 0);

    let other = execute(&db, &key("a").asks(&2)).await.unwrap_err();
    assert!(matches!(other, KeyError::Conflict), "{other}");
}

/// Found out by mutant G.
async fn a_rejection_has_no_effect_and_stays_one_when_stock_comes(db: Db) {
    execute(&db, &take("a")).await.unwrap();
    let rejected = execute(&db, &take("late")).await.unwrap();
    assert!(rejected.is_rejection());
    assert_eq!(free(&db).await, 0, "what it wrote was taken back");
    restock(&db, 5).await;
    let again = execute(&db, &take("late")).await.unwrap();
    assert!(again.is_rejection() && again.is_replayed());
    assert_eq!(again.read::<String>().unwrap(), "sold out");
    assert_eq!(free(&db).await, 5);
}

async fn what_is_rolled_back_leaves_its_key_free(db: Db) {
    let keys = Keys::new(&db);
    let mut tx = db.begin_write().await.unwrap();
    let failed = keys
        .idempotent::<KeyError>(&mut tx, &take("a"), async |tx| {
            add(tx, -1).await;
            Err(sqlx::Error::WorkerCrashed.into())
        })
        .await;
    assert!(failed.is_err());
    drop(tx);
    assert_eq!(free(&db).await, 1);
    assert!(!execute(&db, &take("a")).await.unwrap().is_replayed());
}

async fn work_that_lasts_has_a_lease_and_one_that_takes_over(db: Db) {
    let clock = Clock::manual();
    let db = db.with_clock(clock.clone());
    let keys = Keys::new(&db);
    let mut tx = db.begin_write().await.unwrap();
    let request = take("a");
    let begun = keys.begin_lasting(&mut tx, &request, "order-7", LEASE);
    let Begun::Fresh(dead) = begun.await.unwrap() else {
        panic!("it is fresh");
    };
    tx.commit().await.unwrap();

    let mut tx = db.begin_write().await.unwrap();
    let running = keys.begin_lasting(&mut tx, &take("a"), "", LEASE).await;
    let Err(KeyError::Running { retry_after }) = running else {
        panic!("it runs: {running:?}");
    };
    assert_eq!(retry_after, LEASE);
    let cancelled = keys.cancel(&mut tx, &key("a")).await;
    assert!(matches!(cancelled, Err(KeyError::Running { .. })));

    clock.advance(LEASE);
    let begun = keys.begin_lasting(&mut tx, &take("a"), "", LEASE).await;
    let Ok(Begun::Abandoned(mine, subject)) = begun else {
        panic!("its lease has run out: {begun:?}");
    };
    assert_eq!(subject, "order-7");
    let done = Answer::json(201, &());
    let late = keys.finish(&mut tx, &dead, &done).await;
    assert!(matches!(late, Err(KeyError::TakenOver)), "{late:?}");
    keys.finish(&mut tx, &mine, &done).await.unwrap();
    tx.commit().await.unwrap();
}

async fn keys_are_forgotten_in_time_and_in_portions(db: Db) {
    let clock = Clock::manual();
    let db = db.with_clock(clock.clone());
    let keys = Keys::new(&db).keep_for(Duration::from_secs(10));
    let hold = async |id: &str| {
        let mut tx = db.begin_write().await.unwrap();
        let answer = keys
            .idempotent::<KeyError>(&mut tx, &take(id), async |_| Ok(Answer::new(200, "")))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        answer.is_replayed()
    };
    for id in ["a", "b", "c"] {
        assert!(!hold(id).await);
    }
    let mut tx = db.begin_write().await.unwrap();
    keys.cancel(&mut tx, &key("d")).await.unwrap();
    keys.begin_lasting(&mut tx, &take("runs"), "", LEASE)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert_eq!(keys.purge(&db, 10).await.unwrap(), 0);
    clock.advance(Duration::from_secs(10));
    assert!(!hold("a").await, "its time is over, though it is there");
    assert_eq!(keys.purge(&db, 2).await.unwrap(), 2);
    assert_eq!(keys.purge(&db, 2).await.unwrap(), 1);
    assert_eq!(keys.purge(&db, 2).await.unwrap(), 0, "one runs, one is new");
    assert!(hold("a").await);
}

on_both! {
    a_repeat_gets_the_same_answer_and_changes_nothing
    a_rejection_has_no_effect_and_stays_one_when_stock_comes
    what_is_rolled_back_leaves_its_key_free
    work_that_lasts_has_a_lease_and_one_that_takes_over
    keys_are_forgotten_in_time_and_in_portions
}

//! Several at the same time, each on a task of its own.

use tower_keep_durable::{
    Db,
    idempotency::{Cancelled, KeyError},
};

use super::{SCHEMAS, cancel::cancel, execute, free, key, restock, take};

async fn of_many_with_one_key_one_has_the_effect(db: Db) {
    restock(&db, 100).await;
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { execute(&db, &take("a")).await.unwrap() })
        })
        .collect();
    let mut fresh = 0;
    for racer in racers {
        fresh += i32::from(!racer.await.unwrap().is_replayed());
    }
    assert_eq!((fresh, free(&db).await), (1, 100));
}

async fn execute_and_cancel_at_once_agree(db: Db) {
    let (mut undone, mut refused) = (0, 0);
    for round in 0..40 {
        let (db_, id) = (db.clone(), round.to_string());
        let executes = tokio::spawn(async move { execute(&db_, &take(&id)).await });
        let (db_, id) = (db.clone(), round.to_string());
        let cancels = tokio::spawn(async move { cancel(&db_, &key(&id)).await.unwrap() });
        match (executes.await.unwrap(), cancels.await.unwrap()) {
            (Ok(_), Cancelled::Undo(_)) => undone += 1,
            (Err(KeyError::Cancelled), Cancelled::Nothing) => refused += 1,
            (executed, cancelled) => panic!("{executed:?}, {cancelled:?}"),
        }
        assert_eq!(free(&db).await, 1);
    }
    assert_eq!(undone + refused, 40);
}

on_both! {
    of_many_with_one_key_one_has_the_effect
    execute_and_cancel_at_once_agree
}

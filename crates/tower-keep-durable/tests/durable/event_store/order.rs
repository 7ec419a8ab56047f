//! Nothing appears before what was read, in whatever order transactions commit.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use sqlx::AssertSqlSafe;
use tower_keep_durable::{
    Db, Tx,
    event_store::{EventStore, Expected},
    testing::on_postgres,
};

use super::{SCHEMAS, added, all, append};

async fn append_in(db: &Db, tx: &mut Tx, stream: &str, n: i64) {
    EventStore::new(db)
        .append(tx, stream, Expected::Any, &[added(n)])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_commit_that_comes_later_with_a_lesser_position_is_waited_for() {
    on_postgres(&SCHEMAS, |db| async move {
        append(&db, "z", Expected::Any, &[added(0)]).await.unwrap();
        let mut early = db.begin_write().await.unwrap();
        let mut late = db.begin_write().await.unwrap();
        append_in(&db, &mut early, "a", 1).await;
        append_in(&db, &mut late, "b", 2).await;
        late.commit().await.unwrap();
        assert_eq!(all(&db, 9).await, [0]);
        early.commit().await.unwrap();
        assert_eq!(all(&db, 9).await, [0, 1, 2]);
    })
    .await;
}

/// The lock has room for 31 bits of a position.
#[tokio::test]
async fn positions_may_have_more_bits_than_a_lock() {
    on_postgres(&SCHEMAS, |db| async move {
        let wrap = i64::from(i32::MAX);
        for start in [wrap - 1, wrap, wrap + 1, 7 * wrap] {
            let start = format!("ALTER SEQUENCE keep_events_position_seq RESTART WITH {start}");
            for statement in ["DELETE FROM keep_events", &start] {
                sqlx::query(AssertSqlSafe(statement.to_owned()))
                    .execute(db.pool())
                    .await
                    .unwrap();
            }
            let mut early = db.begin_write().await.unwrap();
            append_in(&db, &mut early, "a", 1).await;
            append(&db, "b", Expected::Any, &[added(2)]).await.unwrap();
            assert_eq!(all(&db, 9).await, [0; 0]);
            early.commit().await.unwrap();
            assert_eq!(all(&db, 9).await, [1, 2]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_rolled_back_is_not_waited_for() {
    on_postgres(&SCHEMAS, |db| async move {
        let mut early = db.begin_write().await.unwrap();
        append_in(&db, &mut early, "a", 1).await;
        append(&db, "b", Expected::Any, &[added(2)]).await.unwrap();
        assert_eq!(all(&db, 9).await, [0; 0]);
        early.rollback().await.unwrap();
        assert_eq!(all(&db, 9).await, [2]);
    })
    .await;
}

/// What a cursor of transaction ids gets wrong: the older transaction has the later version.
#[tokio::test]
async fn a_stream_keeps_its_order_when_an_older_transaction_appends_later() {
    on_postgres(&SCHEMAS, |db| async move {
        let mut older = db.begin_write().await.unwrap();
        sqlx::query(
            "INSERT INTO keep_snapshots (stream, shape, version, state) VALUES ('x', 1, 1, '')",
        )
        .execute(&mut *older)
        .await
        .unwrap();
        append(&db, "a", Expected::Any, &[added(1)]).await.unwrap();
        assert_eq!(
            all(&db, 9).await,
            [1],
            "who has not appended holds nobody up"
        );
        append_in(&db, &mut older, "a", 2).await;
        append(&db, "b", Expected::Any, &[added(3)]).await.unwrap();
        assert_eq!(all(&db, 9).await, [1]);
        older.commit().await.unwrap();
        assert_eq!(all(&db, 9).await, [1, 2, 3]);
    })
    .await;
}

#[tokio::test]
async fn a_savepoint_that_is_taken_back_does_not_hide_what_follows() {
    on_postgres(&SCHEMAS, |db| async move {
        let mut open = db.begin_write().await.unwrap();
        let say = async |tx: &mut Tx, statement: &'static str| {
            sqlx::query(statement).execute(&mut **tx).await.unwrap();
        };
        say(&mut open, "SAVEPOINT s").await;
        append_in(&db, &mut open, "a", 1).await;
        say(&mut open, "ROLLBACK TO SAVEPOINT s").await;
        append_in(&db, &mut open, "a", 2).await;
        append(&db, "b", Expected::Any, &[added(3)]).await.unwrap();
        assert_eq!(all(&db, 9).await, [0; 0]);
        open.commit().await.unwrap();
        assert_eq!(all(&db, 9).await, [2, 3]);
    })
    .await;
}

async fn a_reader_that_runs_along_misses_nothing(db: Db) {
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (db, done) = (db.clone(), done.clone());
        async move {
            let store = EventStore::new(&db);
            let (mut after, mut seen) = (0, Vec::new());
            loop {
                // Before the read: what was there then is read by it.
                let last = done.load(SeqCst);
                for event in store.read_all(after, 3).await.unwrap() {
                    after = event.position;
                    seen.push(event.read::<i64>().unwrap());
                }
                if last && store.read_all(after, 1).await.unwrap().is_empty() {
                    return seen;
                }
            }
        }
    });
    let writers: Vec<_> = (0..4_i64)
        .map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                for n in 0..15 {
                    let mut tx = db.begin_write().await.unwrap();
                    let stream = format!("{}", (writer + n) % 3);
                    append_in(&db, &mut tx, &stream, writer * 100 + n).await;
                    // So that others come in between.
                    tokio::task::yield_now().await;
                    match n % 5 {
                        0 => drop(tx),
                        _ => tx.commit().await.unwrap(),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, SeqCst);
    let seen = reader.await.unwrap();
    assert_eq!(seen, all(&db, 100).await);
    assert_eq!(seen.len(), 4 * 12);
}

on_both! { a_reader_that_runs_along_misses_nothing }

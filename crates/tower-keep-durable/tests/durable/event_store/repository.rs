use serde::{Deserialize, Serialize};
use tokio::{runtime::Handle, task::block_in_place};
use tower_keep_durable::{
    Db, Event,
    event::InvalidEvent,
    event_store::{Aggregate, DecideError, EventStore, Expected, Repository, StoreError},
    testing::on_postgres,
};

use super::{SCHEMAS, added, append, load};

/// A sum, and how many events made it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sum<const SHAPE: i64> {
    pub(super) sum: i64,
    pub(super) events: i64,
}

impl<const SHAPE: i64> Aggregate for Sum<SHAPE> {
    const SHAPE: i64 = SHAPE;

    fn apply(&mut self, event: &Event) -> Result<(), InvalidEvent> {
        self.sum += event.read::<i64>()?;
        self.events += 1;
        Ok(())
    }
}

async fn a_decision_sees_all_before_it_and_its_own(db: Db) {
    let sums = Repository::<Sum<1>>::new(&EventStore::new(&db)).snapshot_every(3);
    for n in 1..=7 {
        let mut tx = db.begin_write().await.unwrap();
        let decided = sums
            .decide(&mut tx, "a", |sum| {
                assert_eq!(sum.events, n - 1);
                Ok::<_, ()>(vec![added(n)])
            })
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!((decided.version, decided.state.events), (n, n));
        assert_eq!(decided.state.sum, (1..=n).sum::<i64>());
    }
    // From the snapshot: what it says is believed, and only the rest is read.
    sqlx::query("UPDATE keep_snapshots SET state = '{\"sum\":1000,\"events\":6}'")
        .execute(db.pool())
        .await
        .unwrap();
    let mut connection = db.pool().acquire().await.unwrap();
    let loaded = sums.load(&mut connection, "a").await.unwrap();
    assert_eq!((loaded.state.sum, loaded.version), (1007, 7));
    // Of another shape, or not readable: the events count.
    let other = Repository::<Sum<2>>::new(&EventStore::new(&db));
    let loaded = other.load(&mut connection, "a").await.unwrap();
    assert_eq!((loaded.state.sum, loaded.version), (28, 7));
    sqlx::query("UPDATE keep_snapshots SET state = '?'")
        .execute(db.pool())
        .await
        .unwrap();
    let loaded = sums.load(&mut connection, "a").await.unwrap();
    assert_eq!((loaded.state.sum, loaded.version), (28, 7));
    let store = EventStore::new(&db);
    assert_eq!(store.discard_snapshots(1, 9).await.unwrap(), 0);
    assert_eq!(store.discard_snapshots(2, 9).await.unwrap(), 1);
}

async fn a_refusal_appends_nothing(db: Db) {
    let sums = Repository::<Sum<1>>::new(&EventStore::new(&db));
    let mut tx = db.begin_write().await.unwrap();
    let refused = sums.decide(&mut tx, "a", |_| Err("no")).await;
    assert!(matches!(refused, Err(DecideError::Refused("no"))));
    tx.commit().await.unwrap();
    assert!(load(&db, "a", 0, 9).await.is_empty());
}

async fn decisions_at_the_same_time_follow_each_other(db: Db) {
    let racers: Vec<_> = (0..6)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                let sums = Repository::<Sum<1>>::new(&EventStore::new(&db)).tries(20);
                let mut tx = db.begin_write().await.unwrap();
                // Each writes how many it has seen.
                sums.decide(&mut tx, "a", |sum| Ok::<_, ()>(vec![added(sum.events)]))
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for racer in racers {
        racer.await.unwrap();
    }
    let seen: Vec<i64> = load(&db, "a", 0, 9)
        .await
        .iter()
        .map(|event| event.read().unwrap())
        .collect();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
}

/// Another is faster while it decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_too_late_each_time_is_told_so() {
    on_postgres(&SCHEMAS, |db| async move {
        let sums = Repository::<Sum<1>>::new(&EventStore::new(&db)).tries(3);
        let mut tries = 0;
        let mut tx = db.begin_write().await.unwrap();
        let failed = sums
            .decide(&mut tx, "a", |_| {
                tries += 1;
                block_in_place(|| {
                    let events = [added(0)];
                    let faster = append(&db, "a", Expected::Any, &events);
                    Handle::current().block_on(faster).unwrap();
                });
                Ok::<_, ()>(vec![added(1)])
            })
            .await;
        let Err(DecideError::Store(StoreError::Conflict { actual, .. })) = failed else {
            panic!("others were faster: {failed:?}");
        };
        assert_eq!((tries, actual), (3, 3));
    })
    .await;
}

on_both! {
    a_decision_sees_all_before_it_and_its_own
    a_refusal_appends_nothing
    decisions_at_the_same_time_follow_each_other
}

//! What only a bus of tables can do wrong.

use std::{slice, time::Duration};

use tower_keep_durable::{
    Bus, Clock, Db,
    bus::{
        BusError, Types,
        table::{SCHEMA, TableConfig, forget_group, remove_passed},
    },
    db::file_url,
    testing::{TestDb, on_postgres},
};

use crate::{
    suite::{Features, Rig, event},
    table::open,
};

async fn stored(db: &Db) -> i64 {
    let count: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM keep_bus_events")
        .fetch_one(db.pool())
        .await
        .unwrap();
    count.0
}

async fn what_all_have_passed_is_removed(db: Db) {
    const DAY: Duration = Duration::from_secs(86_400);
    let clock = Clock::manual();
    let db = db.with_clock(clock.clone());
    let bus = open(&db).await;
    let mut reads = bus.subscribe("reads", &Types::all()).await.unwrap();
    drop(bus.subscribe("sleeps", &Types::all()).await.unwrap());
    bus.publish(&[event("a", 1), event("a", 2)]).await.unwrap();
    for _ in 0..2 {
        reads.next().await.unwrap().ack().await.unwrap();
    }
    clock.advance(DAY * 2);
    assert_eq!(
        remove_passed(&db, DAY).await.unwrap(),
        0,
        "one group sleeps"
    );
    assert!(forget_group(&db, "sleeps").await.unwrap());
    assert!(!forget_group(&db, "sleeps").await.unwrap());
    bus.publish(&[event("a", 3)]).await.unwrap();
    assert_eq!(
        remove_passed(&db, DAY * 3).await.unwrap(),
        0,
        "not old enough"
    );
    assert_eq!(remove_passed(&db, DAY).await.unwrap(), 2);
    assert_eq!(stored(&db).await, 1);
    // The positions go on, and so do the cursors.
    let last = event("a", 4);
    bus.publish(slice::from_ref(&last)).await.unwrap();
    reads.next().await.unwrap().ack().await.unwrap();
    assert_eq!(reads.next().await.unwrap().event(), &last);
}

#[tokio::test]
async fn what_all_have_passed_is_removed_on_sqlite() {
    let file = TestDb::sqlite(&[SCHEMA]).await;
    what_all_have_passed_is_removed(file.db.clone()).await;
}

#[tokio::test]
async fn what_all_have_passed_is_removed_on_postgres() {
    on_postgres(&[SCHEMA], what_all_have_passed_is_removed).await;
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let file = TestDb::sqlite(&[SCHEMA]).await;
    let with = |partitions| TableConfig {
        partitions,
        ..TableConfig::default()
    };
    Bus::table(&file.db, with(4)).await.unwrap();
    let refused = Bus::table(&file.db, with(8)).await.unwrap_err().to_string();
    assert_eq!(refused, "partitions: the bus of this database has 4, not 8");
    let refused = Bus::table(&file.db, with(0)).await.unwrap_err();
    assert!(matches!(refused, BusError::Misconfigured(_)));
}

#[tokio::test]
async fn a_group_without_a_name_is_refused() {
    let file = TestDb::sqlite(&[SCHEMA]).await;
    let refused = open(&file.db).await.subscribe("", &Types::all()).await;
    assert!(matches!(refused, Err(BusError::Misconfigured(_))));
}

/// A service that stops leaves its subscription while a handler is still at work. Time stands still
/// here: no lease ends.
#[tokio::test]
async fn what_a_stopping_member_leaves_is_for_others_at_once() {
    let file = TestDb::sqlite(&[SCHEMA]).await;
    let db = file.db.clone().with_clock(Clock::manual());
    let rig = Rig::new(open(&db).await, Features::default(), || async {
        unreachable!("one process is enough")
    });
    let keys = rig.keys(2);
    let mut stops = rig.member(&rig.bus, "g").await;
    let [one, two, three] = [1, 2, 3].map(|n| event(&keys[0], n));
    rig.publish(&rig.bus, &[one, two.clone(), three.clone()])
        .await;
    let at_work = stops.next().await;
    drop(stops);
    at_work.ack().await.unwrap();
    let mut other = rig.member(&rig.bus, "g").await;
    for expected in [two, three] {
        let delivery = other.next().await;
        assert_eq!((delivery.event(), delivery.attempt()), (&expected, 1));
        delivery.ack().await.unwrap();
    }
    // And what it had asked for, but never saw.
    let last = event(&keys[1], 4);
    rig.publish(&rig.bus, slice::from_ref(&last)).await;
    for steps in 0..30 {
        let asks = async {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
        };
        let mut asked = rig.member(&rig.bus, "g").await;
        tokio::select! {
            biased;
            delivery = asked.wait() => drop(delivery),
            () = asks => {}
        }
    }
    assert_eq!(other.next().await.event(), &last);
}

/// An event that this release cannot read stops its own partition, and no other.
#[tokio::test]
async fn what_cannot_be_read_stops_its_partition_only() {
    let file = TestDb::sqlite(&[SCHEMA]).await;
    let bus = open(&file.db).await;
    let mut member = bus.subscribe("g", &Types::all()).await.unwrap();
    let keys = Rig::new(bus.clone(), Features::default(), || async {
        unreachable!("one process is enough")
    })
    .keys(2);
    let events = [event(&keys[0], 1), event(&keys[0], 2), event(&keys[1], 3)];
    bus.publish(&events[..1]).await.unwrap();
    bus.publish(&events[1..2]).await.unwrap();
    sqlx::query("UPDATE keep_bus_events SET body = 'later' WHERE position = 2")
        .execute(file.db.pool())
        .await
        .unwrap();
    let first = member.next().await.unwrap();
    assert_eq!(first.event(), &events[0], "what is before it is delivered");
    first.ack().await.unwrap();
    bus.publish(&events[2..]).await.unwrap();
    assert_eq!(member.next().await.unwrap().event(), &events[2]);
}

/// A database that goes away is an error that is not final, for those who publish and who wait.
#[tokio::test]
async fn a_closed_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let url = file_url(&folder.path().join("bus.db"));
    let db = Db::open(&url, &[SCHEMA]).await.unwrap();
    let bus = open(&db).await;
    let mut member = bus.subscribe("g", &Types::all()).await.unwrap();
    db.pool().close().await;
    let published = bus.publish(&[event("a", 1)]).await;
    assert!(
        matches!(published, Err(BusError::Unavailable(_))),
        "{published:?}"
    );
    assert!(matches!(member.next().await, Err(BusError::Unavailable(_))));
    assert!(bus.ping().await.is_err());
}

/// A transaction that took its position first and commits last is not passed over: others that
/// publish to the partition wait for it.
#[tokio::test]
async fn a_slow_commit_is_not_passed_over_on_postgres() {
    on_postgres(&[SCHEMA], |db| async move {
        let bus = open(&db).await;
        let mut member = bus.subscribe("g", &Types::all()).await.unwrap();
        let [slow, fast] = [event("a", 1), event("a", 2)];
        // What the writer of another process does, held up before its commit.
        let part = i64::from(tower_keep_durable::bus::partition_of(&slow, 16));
        let mut tx = db.begin_write().await.unwrap();
        sqlx::query("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)")
            .bind((7302_i64 << 32) | part)
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO keep_bus_events (part, kind, body, published_at) VALUES ($1, $2, $3, 0)",
        )
        .bind(part)
        .bind(slow.kind())
        .bind(slow.to_json())
        .execute(&mut *tx)
        .await
        .unwrap();
        let publishing = tokio::spawn({
            let (bus, fast) = (bus.clone(), fast.clone());
            async move { bus.publish(&[fast]).await }
        });
        // A reader that saw the fast one now would pass the slow one over for ever.
        loop {
            assert!(!publishing.is_finished(), "published past a slow commit");
            let (waits,): (i64,) = sqlx::query_as(
                "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                 AND database =
                     (SELECT oid FROM pg_database WHERE datname = current_database())",
            )
            .fetch_one(db.pool())
            .await
            .unwrap();
            if waits > 0 {
                break;
            }
        }
        tx.commit().await.unwrap();
        publishing.await.unwrap().unwrap();
        for expected in [slow, fast] {
            let delivery = member.next().await.unwrap();
            assert_eq!(delivery.event(), &expected);
            delivery.ack().await.unwrap();
        }
    })
    .await;
}

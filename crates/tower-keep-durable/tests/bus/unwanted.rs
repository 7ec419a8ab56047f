//! What a group does not want costs it nothing, and is not in its way.

use std::{slice, time::Duration};

use serde_json::json;
use tokio::time::timeout;
use tower_keep_durable::{
    Db, Event,
    bus::{Subscription, Types, table::SCHEMA},
    testing::{TestDb, on_postgres},
};

use crate::table::open;

fn told(kind: &str, n: usize) -> Event {
    Event::new("/suite", kind, json!(n)).keyed("a")
}

/// What of its partition is written down for the group: passed, claims, attempts.
async fn cursor(db: &Db) -> (i64, i64, i64) {
    let part = tower_keep_durable::bus::partition_of(&told("x", 0), 16);
    sqlx::query_as(
        "SELECT passed, epoch, attempts FROM keep_bus_cursors WHERE consumer = 'g' AND part = $1",
    )
    .bind(i64::from(part))
    .fetch_one(db.pool())
    .await
    .unwrap()
}

async fn next(member: &mut Subscription, expected: &Event) {
    let delivery = timeout(Duration::from_secs(30), member.next())
        .await
        .expect("it is not held up")
        .unwrap();
    assert_eq!((delivery.event(), delivery.attempt()), (expected, 1));
    delivery.ack().await.unwrap();
}

async fn a_group_writes_nothing_for_what_it_does_not_want(db: Db) {
    let bus = open(&db).await;
    let mut member = bus.subscribe("g", &Types::of(["wanted"])).await.unwrap();
    let mut watch = bus.subscribe("watch", &Types::all()).await.unwrap();
    let before = cursor(&db).await;
    // More than the member looks at in one piece.
    let unwanted: Vec<_> = (0..300).map(|n| told("unwanted", n)).collect();
    bus.publish(&unwanted).await.unwrap();
    for event in &unwanted {
        // While others work, it looks.
        tokio::select! {
            biased;
            got = member.next() => panic!("{got:?}"),
            () = next(&mut watch, event) => {}
        }
    }
    assert_eq!(
        cursor(&db).await,
        before,
        "it wrote for what it does not want"
    );
    let wanted = told("wanted", 1);
    bus.publish(slice::from_ref(&wanted)).await.unwrap();
    next(&mut member, &wanted).await;
    let (passed, claims, attempts) = cursor(&db).await;
    assert_eq!(
        (passed, claims, attempts),
        (before.0 + 301, before.1 + 1, 0)
    );
    // Whoever comes next begins behind it.
    drop(member);
    let mut member = bus.subscribe("g", &Types::all()).await.unwrap();
    let last = told("unwanted", 301);
    bus.publish(slice::from_ref(&last)).await.unwrap();
    next(&mut member, &last).await;
}

async fn in_the_end_the_cursors_pass_what_is_not_wanted(db: Db) {
    let bus = open(&db).await;
    let mut member = bus.subscribe("g", &Types::of(["wanted"])).await.unwrap();
    let before = cursor(&db).await;
    let unwanted: Vec<_> = (0..1100).map(|n| told("unwanted", n)).collect();
    bus.publish(&unwanted).await.unwrap();
    let passes = async {
        while cursor(&db).await.0 < before.0 + 1100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        got = member.next() => panic!("{got:?}"),
        ended = timeout(Duration::from_secs(60), passes) => ended.expect("the cursor moves"),
    }
    let (_, claims, attempts) = cursor(&db).await;
    assert_eq!(
        (claims, attempts),
        (before.1, before.2),
        "nobody claimed it"
    );
    let wanted = told("wanted", 1);
    bus.publish(slice::from_ref(&wanted)).await.unwrap();
    next(&mut member, &wanted).await;
}

/// A cursor that somebody puts back, to see it all again, is believed.
async fn a_cursor_that_is_put_back_is_believed(db: Db) {
    let bus = open(&db).await;
    let mut member = bus.subscribe("g", &Types::of(["wanted"])).await.unwrap();
    let events = ["unwanted", "wanted", "unwanted", "wanted"];
    let events = [0, 1, 2, 3].map(|n| told(events[n], n));
    bus.publish(&events).await.unwrap();
    next(&mut member, &events[1]).await;
    next(&mut member, &events[3]).await;
    sqlx::query("UPDATE keep_bus_cursors SET passed = 0")
        .execute(db.pool())
        .await
        .unwrap();
    next(&mut member, &events[1]).await;
    next(&mut member, &events[3]).await;
}

macro_rules! on_both {
    ($($row:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $row() {
                let file = TestDb::sqlite(&[SCHEMA]).await;
                super::$row(file.db.clone()).await;
            })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test]
            async fn $row() {
                on_postgres(&[SCHEMA], super::$row).await;
            })*
        }
    };
}

on_both!(
    a_group_writes_nothing_for_what_it_does_not_want,
    in_the_end_the_cursors_pass_what_is_not_wanted,
    a_cursor_that_is_put_back_is_believed,
);

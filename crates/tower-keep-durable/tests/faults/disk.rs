//! The disk is full, and then it is not any more. On SQLite, whose pages can be bounded for each
//! connection, so that any user may do it. On PostgreSQL it takes a file system of its own: there a
//! full disk is an error of the statement too, or a restart, which has its own test.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use tokio::time::sleep;
use tower_keep_durable::{
    Bus, Db,
    bus::table::{self, TableConfig},
    testing::TestDb,
};

use crate::shop::{SCHEMAS, Shop};

/// Bounds the database file, for every connection of the pool.
async fn most_pages(db: &Db, pages: i64) {
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(db.pool().acquire().await.unwrap());
    }
    for connection in &mut connections {
        let bound = format!("PRAGMA max_page_count = {pages}");
        sqlx::query(AssertSqlSafe(bound))
            .execute(&mut **connection)
            .await
            .unwrap();
    }
}

async fn pages(db: &Db) -> i64 {
    let (pages,) = sqlx::query_as("SELECT page_count FROM pragma_page_count")
        .fetch_one(db.pool())
        .await
        .unwrap();
    pages
}

#[tokio::test]
async fn a_disk_that_is_full_and_is_cleared_loses_nothing() {
    let file = TestDb::sqlite(&SCHEMAS).await;
    let bus = TestDb::sqlite(&[table::SCHEMA]).await;
    let bus = Bus::table(&bus.db, TableConfig::default()).await.unwrap();
    let mut shop = Shop::start(file.db.clone(), bus).await;
    shop.work("place-order/v1");
    for _ in 0..4 {
        shop.order("place-order/v1").await;
    }
    shop.until_handled(1).await;
    let full = pages(&shop.db).await + 2;
    most_pages(&shop.db, full).await;
    // Fills what is left of it. Whoever orders is told, and told why.
    let note = "x".repeat(2000);
    let mut told = None;
    for n in 0..100 {
        let id = format!("order-{}", 1000 + n);
        match shop.try_order(&id, "place-order/v1", &note).await {
            Ok(()) => shop.adopt(id),
            Err(error) => {
                told = Some(error.to_string());
                break;
            }
        }
    }
    let told = told.expect("two pages are not enough for all of these");
    assert!(told.contains("full"), "{told}");
    // All that runs goes on failing for a while, and none of it gives up.
    sleep(Duration::from_millis(500)).await;
    assert!(pages(&shop.db).await <= full);
    assert!(shop.db.ping().await.is_ok(), "what is there can be read");
    assert!(shop.running.try_join_next().is_none(), "it still runs");
    most_pages(&shop.db, i64::from(u32::MAX) - 1).await;
    for _ in 0..4 {
        shop.order("place-order/v1").await;
    }
    shop.settle().await;
}

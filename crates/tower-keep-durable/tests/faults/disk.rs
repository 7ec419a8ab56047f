//! The disk is full, and then it is not any more. On SQLite, whose pages can be bounded for each
//! connection, and on PostgreSQL with its tables on a small disk. Its log is elsewhere: a server that cannot
//! write that stops, which has its own test.

use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use tokio::time::sleep;
use tower_keep_durable::{
    Bus, Db,
    bus::table::{self, TableConfig},
    testing::TestDb,
};

use crate::{
    cluster::Cluster,
    shop::{SCHEMAS, Shop},
};

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

/// A shop that works.
async fn open(db: Db, bus: Bus) -> Shop {
    let mut shop = Shop::start(db, bus).await;
    shop.work("place-order/v1");
    for _ in 0..4 {
        shop.order("place-order/v1").await;
    }
    shop.until_handled(1).await;
    shop
}

/// Orders until there is no room left: whoever orders is told, and told why.
async fn fill_up(shop: &mut Shop, why: &str) {
    // Short enough for PostgreSQL to keep it as it is.
    let note = "x".repeat(1900);
    let mut told = None;
    for n in 0..200 {
        let id = format!("order-{}", 1000 + n);
        match shop.try_order(&id, "place-order/v1", &note).await {
            Ok(()) => shop.adopt(id),
            Err(error) => {
                told = Some(error.to_string());
                break;
            }
        }
    }
    let told = told.expect("there is no room for all of these");
    assert!(told.contains(why), "{told}");
    // All that runs goes on failing for a while, and none of it gives up.
    sleep(Duration::from_millis(500)).await;
    assert!(shop.db.ping().await.is_ok(), "what is there can be read");
    assert!(shop.running.try_join_next().is_none(), "it still runs");
}

/// There is room again, and nobody was told.
async fn goes_on(mut shop: Shop) {
    for _ in 0..4 {
        shop.order("place-order/v1").await;
    }
    shop.settle().await;
}

#[tokio::test]
async fn a_disk_that_is_full_and_is_cleared_loses_nothing() {
    let file = TestDb::sqlite(&SCHEMAS).await;
    let bus = TestDb::sqlite(&[table::SCHEMA]).await;
    let bus = Bus::table(&bus.db, TableConfig::default()).await.unwrap();
    let mut shop = open(file.db.clone(), bus).await;
    let full = pages(&shop.db).await + 2;
    most_pages(&shop.db, full).await;
    fill_up(&mut shop, "full").await;
    assert!(pages(&shop.db).await <= full);
    most_pages(&shop.db, i64::from(u32::MAX) - 1).await;
    goes_on(shop).await;
}

/// Has the server do something that a client of a shop may not.
async fn obey(cluster: &Cluster, statement: String) -> Result<(), sqlx::Error> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&cluster.url("postgres")).await?;
    connection.execute(AssertSqlSafe(statement)).await.map(drop)
}

/// Twice what an empty database takes.
const DISK: &str = "16m";

#[tokio::test]
async fn a_disk_of_postgresql_that_is_full_and_is_cleared_loses_nothing() {
    let Some(cluster) = Cluster::with_disk(DISK).await else {
        return;
    };
    let disk = cluster.disk().display().to_string();
    for statement in [
        format!("CREATE TABLESPACE small LOCATION '{disk}'"),
        "CREATE DATABASE shop TABLESPACE small".to_owned(),
    ] {
        obey(&cluster, statement).await.unwrap();
    }
    let db = Db::open(&cluster.url("shop"), &SCHEMAS).await.unwrap();
    db.migrate(&[table::SCHEMA]).await.unwrap();
    let bus = Bus::table(&db, TableConfig::default()).await.unwrap();
    let mut shop = open(db, bus).await;
    // Somebody else fills the disk, to its last byte.
    let rows = "SELECT repeat('x', 1000) FROM generate_series(1, 20000)";
    let filled = obey(&cluster, format!("COPY ({rows}) TO '{disk}/ballast'")).await;
    let filled = filled.unwrap_err().to_string();
    assert!(filled.contains("No space left on device"), "{filled}");
    fill_up(&mut shop, "could not extend file").await;
    // And clears it.
    let nothing = format!("COPY (SELECT 1 WHERE false) TO '{disk}/ballast'");
    obey(&cluster, nothing).await.unwrap();
    goes_on(shop).await;
}

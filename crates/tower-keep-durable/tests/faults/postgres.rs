//! The database is stopped as by a power cut, and started again.

use tower_keep_durable::{
    Bus, Db,
    bus::table::{self, TableConfig},
};

use crate::{
    cluster::Cluster,
    shop::{SCHEMAS, Shop},
};

#[tokio::test]
async fn a_database_that_is_stopped_at_once_and_comes_back_loses_nothing() {
    let Some(server) = Cluster::new().await else {
        return;
    };
    let db = Db::open(&server.url("postgres"), &SCHEMAS).await.unwrap();
    db.migrate(&[table::SCHEMA]).await.unwrap();
    let config = TableConfig {
        lease: std::time::Duration::from_secs(3),
        ..TableConfig::default()
    };
    let bus = Bus::table(&db, config).await.unwrap();
    let mut shop = Shop::start(db, bus).await;
    shop.work("place-order/v1");
    let mut failures = 0;
    for round in 0..2 {
        for _ in 0..8 {
            failures += shop.order("place-order/v1").await;
        }
        // In the middle of sagas, the outbox and the consumer.
        shop.until_handled(round * 9 + 2).await;
        server.stop().await;
        let refused = shop.try_order("refused", "place-order/v1", "").await;
        assert!(refused.is_err(), "who orders is told at once");
        assert!(
            shop.bus.ping().await.is_err(),
            "it says that it is not ready"
        );
        // Somebody orders while it comes back.
        let (again, ()) = tokio::join!(shop.order("place-order/v1"), server.start());
        failures += again;
    }
    for _ in 0..4 {
        failures += shop.order("place-order/v1").await;
    }
    shop.settle().await;
    println!("{failures} orders were asked for again");
}

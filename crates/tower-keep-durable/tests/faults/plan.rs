//! A release that knows another version of the plan than the one before.

use std::time::Duration;

use tokio::time::sleep;
use tower_keep_durable::{
    Bus,
    bus::table::{self, TableConfig},
    saga::Status,
    testing::TestDb,
};

use crate::shop::{SCHEMAS, Shop};

#[tokio::test]
async fn a_saga_of_an_unknown_version_waits_for_who_knows_it() {
    let file = TestDb::sqlite(&SCHEMAS).await;
    let bus = TestDb::sqlite(&[table::SCHEMA]).await;
    let bus = Bus::table(&bus.db, TableConfig::default()).await.unwrap();
    let mut shop = Shop::start(file.db.clone(), bus).await;
    let old = shop.work("place-order/v1");
    for version in ["place-order/v2", "place-order/v1", "place-order/v2"] {
        shop.order(version).await;
    }
    // The old release does what it knows, and leaves alone and counts what it does not.
    shop.until_handled(1).await;
    while old.measure().await.unwrap().running != 2 {
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(old.measure().await.unwrap().unknown_plan, 2);
    assert_eq!(shop.handled().await.unwrap(), ["order-1"]);
    for id in ["order-0", "order-2"] {
        let saga = shop.sagas.get(id).await.unwrap().unwrap();
        assert_eq!(
            (saga.status, saga.step.as_str()),
            (Status::Running, "reserve")
        );
        assert_eq!(
            shop.sagas.log(id).await.unwrap().len(),
            1,
            "only that it was started"
        );
    }
    // The new one comes beside it and finishes them.
    let new = shop.work("place-order/v2");
    shop.settle().await;
    assert_eq!(new.measure().await.unwrap().unknown_plan, 0);
}

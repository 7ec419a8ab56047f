//! An event that nobody can handle.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;
use tower_keep_durable::{
    Bus, Event,
    bus::table::{self, TableConfig},
    dead_letters::{LetterFilter, LetterState},
    testing::TestDb,
};

use crate::shop::{SCHEMAS, Shop};

#[tokio::test]
async fn poison_stops_its_key_and_no_other_until_somebody_decides() {
    let file = TestDb::sqlite(&SCHEMAS).await;
    let bus = TestDb::sqlite(&[table::SCHEMA]).await;
    let bus = Bus::table(&bus.db, TableConfig::default()).await.unwrap();
    let mut shop = Shop::start(file.db.clone(), bus).await;
    shop.work("place-order/v1");
    shop.order("place-order/v1").await;
    let poison = Event::new(
        "/faults",
        "faults.order.confirmed.v1",
        json!({"no": "order"}),
    );
    // Of the key of the next order, whose own event waits behind it.
    let poison = poison.keyed("order-1");
    shop.bus
        .publish(std::slice::from_ref(&poison))
        .await
        .unwrap();
    let letters = shop.letters();
    while letters.depth(None).await.unwrap().dead == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..4 {
        shop.order("place-order/v1").await;
    }
    shop.until_handled(4).await;
    while letters.depth(None).await.unwrap().parked == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    let handled = shop.handled().await.unwrap();
    assert_eq!(handled, ["order-0", "order-2", "order-3", "order-4"]);
    let dead = LetterFilter {
        state: Some(LetterState::Dead),
        ..LetterFilter::default()
    };
    let [letter] = letters.list(&dead).await.unwrap().try_into().unwrap();
    assert!(letter.event.contains(poison.id()), "{letter:?}");
    assert_eq!(letter.attempts, 1, "once was enough");
    letters.discard(letter.id, "ops", "a test").await.unwrap();
    shop.settle().await;
}

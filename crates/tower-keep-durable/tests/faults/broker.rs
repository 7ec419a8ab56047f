//! What any broker must survive: it is killed and started again.

use std::time::Duration;

use tower_keep_durable::{Bus, testing::TestDb};

use crate::shop::{SCHEMAS, Shop};

/// A broker of the test's own.
pub(crate) trait Broker {
    /// SIGKILL: nothing is written down, nobody is told.
    async fn kill(&mut self);

    /// Starts it where it was, with what it had written down.
    async fn start(&mut self);
}

/// Kills a broker in the middle of everything: what it had confirmed is delivered, what it had not is
/// published again by itself, and nobody who orders notices.
pub(crate) async fn is_killed_and_comes_back(mut broker: impl Broker, bus: Bus) {
    let file = TestDb::sqlite(&SCHEMAS).await;
    let mut shop = Shop::start(file.db.clone(), bus).await;
    shop.work("place-order/v1");
    for _ in 0..5 {
        shop.order("place-order/v1").await;
    }
    shop.until_handled(2).await;
    // In the middle: some are on the bus, some in the outbox, some in neither.
    broker.kill().await;
    for _ in 0..5 {
        // Nobody who orders notices.
        assert_eq!(shop.order("place-order/v1").await, 0);
    }
    assert!(
        shop.bus.ping().await.is_err(),
        "it says that it is not ready"
    );
    while shop.outbox.backlog().await.unwrap().unsent < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    broker.start().await;
    shop.settle().await;
}

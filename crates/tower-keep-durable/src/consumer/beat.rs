use std::{future::Future, pin::pin, time::Duration};

use tokio::{select, time::sleep};

use super::shared::Shared;
use crate::bus::{BusError, Delivery};

/// Does `work` for as long as `beats` go on; `None` if they ended first, and the work is cut off.
pub(super) async fn during<T>(
    beats: impl Future<Output = ()>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (mut work, mut beats) = (pin!(work), pin!(beats));
    select! {
        biased;
        ended = &mut work => Some(ended),
        () = &mut beats => None,
    }
}

/// Three in the time after which others would take over, so that two may fail.
fn pace(wait: Duration) -> Duration {
    (wait / 3).max(Duration::from_millis(1))
}

/// Tells the bus that the handler runs, until another member of the group has the delivery.
pub(super) async fn of_delivery(shared: &Shared, delivery: &mut Delivery) {
    loop {
        sleep(pace(shared.config.ack_wait)).await;
        if let Err(BusError::TakenOver) = delivery.progress().await {
            return;
        }
    }
}

/// Keeps the lease on the letters, until another process has it.
pub(super) async fn of_lease(shared: &Shared) {
    loop {
        sleep(pace(shared.config.lease)).await;
        if let Ok(false) = shared.lease.hold(&shared.db).await {
            return;
        }
    }
}

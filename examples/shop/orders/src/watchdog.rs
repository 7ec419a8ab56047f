//! Gives up orders of which nobody tells anything.
//!
//! A saga has a deadline of its own. By choreography there is nobody whose turn it is, so nobody would
//! notice that somebody is silent. Here it is noticed: the order is told to have expired, and whoever
//! did something for it undoes that.
//!
//! Several may run on one database: an order is given up once.

use std::time::Duration;

use tokio::time::sleep;

use crate::store::{ChangeError, Store};

/// How late it may be noticed, in parts of the deadline, and the bounds of that.
const PART: u32 = 10;
const LOOKS: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(10)];
/// How many orders one look takes.
const PASS: i64 = 64;

/// Works for ever; dropped, the next one goes on.
pub(crate) async fn watch(store: Store, deadline: Duration) {
    let [soonest, latest] = LOOKS;
    let rest = (deadline / PART).clamp(soonest, latest);
    loop {
        if let Err(error) = pass(&store, deadline).await {
            tracing::error!(%error, "watchdog cannot use the database");
        }
        sleep(rest).await;
    }
}

/// Gives up what is overdue; how many that were.
pub(crate) async fn pass(store: &Store, deadline: Duration) -> Result<usize, ChangeError> {
    let mut expired = 0;
    for order in store.overdue(deadline, PASS).await? {
        match store.expire(order).await {
            Ok(true) => {
                tracing::warn!(%order, "nobody said in time what becomes of the order; it has expired");
                expired += 1;
            }
            Ok(false) => {}
            // The others are not to wait for this one.
            Err(error) => tracing::error!(%order, %error, "the order cannot be given up"),
        }
    }
    Ok(expired)
}

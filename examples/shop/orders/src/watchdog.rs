//! Notices that nobody tells anything of an order.
//!
//! A saga has a deadline and alarms of its own. By choreography there is nobody whose turn it is, so
//! nobody would notice that somebody is silent. Here it is noticed. An order that is pending is told to
//! have expired, and whoever did something for it undoes that. One that is confirmed will be carried out,
//! and one that is being cancelled undone, so neither can be given up: there is an alarm that it is *not
//! progressing*, and another after as long again, until somebody tells something.
//!
//! Several may run on one database: an order is given up once, and each alarm is given once.

use std::time::Duration;

use tokio::time::sleep;

use crate::store::{ChangeError, Store};

/// How late it may be noticed, in parts of the deadline, and the bounds of that.
const PART: u32 = 10;
const LOOKS: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(10)];
/// How many orders one look takes of each kind: so many alarms at a time, if nobody tells anything any more.
const PASS: i64 = 64;

/// What one look came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    /// How many orders were given up.
    pub(crate) expired: usize,
    /// Of how many there was an alarm.
    pub(crate) alarms: usize,
}

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

/// Gives up what is overdue, and says what does not get on, and what does again.
pub(crate) async fn pass(store: &Store, deadline: Duration) -> Result<Pass, ChangeError> {
    let mut pass = Pass::default();
    for order in store.overdue(deadline, PASS).await? {
        match store.expire(order).await {
            Ok(true) => {
                tracing::warn!(%order, "nobody said in time what becomes of the order; it has expired");
                pass.expired += 1;
            }
            Ok(false) => {}
            // The others are not to wait for this one.
            Err(error) => tracing::error!(%order, %error, "the order cannot be given up"),
        }
    }
    for silent in store.silent(deadline, PASS).await? {
        if store.alarm(&silent).await? {
            let order = &silent.order;
            tracing::error!(order = %order.id, status = order.status.as_str(),
                waits_for = order.waits_for().join(", "), silence = ?silent.silence,
                "order not progressing, somebody must look at it");
            pass.alarms += 1;
        }
    }
    Ok(pass)
}

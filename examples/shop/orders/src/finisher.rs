//! Finishes pending orders in the background: one task, oldest first, with backoff.
//!
//! It finds its work in the database, so it also takes up what an earlier process left.

use std::time::Duration;

use shop_kit::notices::Notices;
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    place_order::{PlaceOrder, Progress, backoff},
    store::Store,
};

/// The background task; dropped, it ends. An order that it was working on is taken up again by
/// the next finisher.
#[derive(Debug)]
pub struct Finisher(JoinHandle<()>);

/// How often the database is asked when there is nothing to do.
const IDLE: Duration = Duration::from_millis(200);
/// How many orders one pass takes.
const PASS: i64 = 32;

impl Finisher {
    pub(crate) fn start(flow: PlaceOrder, store: Store, notices: Notices) -> Self {
        Self(tokio::spawn(run(flow, store, notices)))
    }
}

impl Drop for Finisher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(flow: PlaceOrder, store: Store, notices: Notices) {
    let mut failures = 0;
    loop {
        match pass(&flow, &store).await {
            Ok(Pass { stuck: true, .. }) => {
                if failures == 0 {
                    notices.say("finisher: a peer does not answer, pending orders wait");
                }
                failures += 1;
                sleep(backoff(failures)).await;
            }
            Ok(Pass { finished, .. }) => {
                if failures > 0 && finished > 0 {
                    notices.say("finisher: all peers answer again, pending orders are finished, oldest first");
                    failures = 0;
                }
                sleep(IDLE).await;
            }
            Err(error) => {
                tracing::error!(%error, "finisher cannot use the database");
                failures += 1;
                sleep(backoff(failures)).await;
            }
        }
    }
}

/// What a pass over the open orders did.
struct Pass {
    finished: usize,
    /// A peer is down: trying the other orders would only knock on the same door.
    stuck: bool,
}

async fn pass(flow: &PlaceOrder, store: &Store) -> Result<Pass, sqlx::Error> {
    let mut finished = 0;
    for id in store.due(PASS).await? {
        match flow.advance(id).await? {
            Progress::Settled(_) => finished += 1,
            Progress::Waiting {
                peer_is_down: true, ..
            } => {
                return Ok(Pass {
                    finished,
                    stuck: true,
                });
            }
            // This one waits for itself; the next may well go through.
            Progress::Waiting {
                peer_is_down: false,
                ..
            } => {}
        }
    }
    Ok(Pass {
        finished,
        stuck: false,
    })
}

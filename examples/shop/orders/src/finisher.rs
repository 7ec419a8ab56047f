//! Finishes pending orders in the background, oldest first.
//!
//! There is one task for each peer, so orders that wait for a peer that is down keep nobody else
//! from being finished. It finds its work in the database, so it also takes up what an earlier
//! process left.

use std::time::Duration;

use shop_kit::{ids::OrderId, notices::Notices};
use tokio::{task::JoinHandle, time::sleep};
use tower_keep::context::{Context, CorrelationId, Priority};

use crate::{
    peers::Peer,
    place_order::{PlaceOrder, Progress, backoff},
    store::Store,
};

/// The background tasks; dropped, they end. An order that one was working on is taken up again by
/// the next finisher.
#[derive(Debug)]
pub struct Finisher([JoinHandle<()>; 2]);

/// How often the database is asked when there is nothing to do.
const IDLE: Duration = Duration::from_millis(200);
/// How long it is left alone after it failed.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// How many orders one pass takes.
const PASS: i64 = 32;

impl Finisher {
    pub(crate) fn start(flow: &PlaceOrder, store: &Store, notices: &Notices) -> Self {
        Self(Peer::ALL.map(|peer| {
            let (flow, store) = (flow.clone(), store.clone());
            let queue = Queue { peer, flow, store };
            tokio::spawn(queue.work(notices.clone()))
        }))
    }
}

impl Drop for Finisher {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// The open orders whose next step needs one peer.
struct Queue {
    peer: Peer,
    flow: PlaceOrder,
    store: Store,
}

/// How a pass over the queue ended.
enum Pass {
    /// So many orders got further.
    Through(usize),
    /// The peer is down: to try the other orders would only knock on the same door.
    Stuck { retry_after: Option<Duration> },
}

impl Queue {
    async fn work(self, notices: Notices) {
        let peer = self.peer;
        let mut failures = 0;
        loop {
            let rest = match self.pass().await {
                Ok(Pass::Through(count)) => {
                    if failures > 0 && count > 0 {
                        notices.say(format!(
                            "finisher: {peer} answers again; pending orders are finished, oldest first"
                        ));
                        failures = 0;
                    }
                    IDLE
                }
                Ok(Pass::Stuck { retry_after }) => {
                    if failures == 0 {
                        notices.say(format!(
                            "finisher: {peer} cannot be reached; the orders that need it stay pending"
                        ));
                    }
                    failures += 1;
                    // The breaker knows best when the next try is worth it. A little later, so that
                    // the try does not come a moment too early.
                    match retry_after {
                        Some(wait) => wait + HALF_OPEN_MARGIN,
                        None => backoff(failures),
                    }
                }
                Err(error) => {
                    tracing::error!(%error, %peer, "finisher cannot use the database");
                    DATABASE_PAUSE
                }
            };
            sleep(rest).await;
        }
    }

    async fn pass(&self) -> Result<Pass, sqlx::Error> {
        let mut further = 0;
        for id in self.store.due(self.peer, PASS).await? {
            match context(id).scope(self.flow.advance(id)).await? {
                Progress::Settled(_) => further += 1,
                Progress::Waiting { stop, .. } if stop.peer != self.peer => further += 1,
                Progress::Waiting { stop, .. } if stop.peer_is_down() => {
                    let retry_after = stop.retry_after();
                    return Ok(Pass::Stuck { retry_after });
                }
                // This one waits for itself; the next may well go through.
                Progress::Waiting { .. } => {}
            }
        }
        Ok(Pass::Through(further))
    }
}

/// Added to what a breaker says, so that the next call is one of its probes.
const HALF_OPEN_MARGIN: Duration = Duration::from_millis(10);

/// Nobody asked for this work over HTTP, so it has a context of its own; its correlation id is the
/// order's, which log lines of all services are found by. It matters more than whoever looks around,
/// and less than the customer who waits.
fn context(id: OrderId) -> Context {
    let context = match CorrelationId::parse(&id.to_string()) {
        Ok(id) => Context::new(id),
        Err(_) => Context::fresh(),
    };
    context.with_priority(Priority::of_urgency(1))
}

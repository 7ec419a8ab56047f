//! The flow of an order, in one place: reserve, charge, confirm; and the ways back.
//!
//! The row of the order is the only memory. Each step is a call that its peer does once for its
//! key, then one compare-and-set on the row. So the flow may stop anywhere (crash, timeout, peer
//! down) and run again from the row, and two runs of one order, or a run and a cancellation, cannot
//! both move it.

use std::time::Duration;

use shop_kit::{client::CallError, ids::OrderId, money::Money};

use crate::{
    domain::{Order, Refusal, Status},
    peers::{Peer, Peers},
    store::Store,
};

#[derive(Debug, Clone)]
pub(crate) struct PlaceOrder {
    store: Store,
    peers: Peers,
}

/// How far an order came.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Nothing is left to do.
    Settled(Order),
    /// A peer gave no usable answer; the finisher tries again.
    Waiting { order: Order, stop: Stop },
}

/// Why an order cannot go on.
#[derive(Debug)]
pub(crate) struct Stop {
    /// Who gave no usable answer.
    pub(crate) peer: Peer,
    pub(crate) error: CallError,
}

impl Stop {
    /// Whether the call was surely not sent, because the peer is down or refuses work: then other
    /// orders would be told the same.
    pub(crate) fn peer_is_down(&self) -> bool {
        matches!(self.error, CallError::NotSent { .. })
    }

    /// How long the peer, or the circuit breaker in front of it, asked to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match &self.error {
            CallError::NotSent { retry_after, .. } => {
                retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER))
            }
            CallError::Rejected(_) | CallError::Unknown(_) => None,
        }
    }
}

impl Progress {
    pub(crate) fn order(&self) -> &Order {
        match self {
            Self::Settled(order) | Self::Waiting { order, .. } => order,
        }
    }
}

/// The first wait before an order is tried again; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait that a peer can ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(10);

impl PlaceOrder {
    pub(crate) fn new(store: Store, peers: Peers) -> Self {
        Self { store, peers }
    }

    /// Moves the order as far as it goes now.
    pub(crate) async fn advance(&self, id: OrderId) -> Result<Progress, sqlx::Error> {
        loop {
            // Read again before each step: whoever lost a compare-and-set follows the winner.
            let order = self.store.load(id).await?.ok_or(sqlx::Error::RowNotFound)?;
            let step = match (order.status, order.total) {
                (Status::Pending, None) => self.reserve(&order).await?,
                (Status::Pending, Some(total)) => self.charge(&order, total).await?,
                (Status::Refusing, _) => self.put_stock_back(&order).await?,
                (Status::Cancelling, _) => self.give_all_back(&order).await?,
                (Status::Confirmed | Status::Refused | Status::Cancelled, _) => {
                    return Ok(Progress::Settled(order));
                }
            };
            if let Err(stop) = step {
                return self.wait(order, stop).await;
            }
        }
    }

    async fn reserve(&self, order: &Order) -> Result<Step, sqlx::Error> {
        match self.peers.reserve(order).await {
            Ok(total) => self.store.reserved(order.id, total).await?,
            // Nothing was set aside, so there is nothing to put back.
            Err(CallError::Rejected(problem)) => {
                let refusal = refusal(Peer::Inventory, &problem.detail);
                self.store
                    .refuse(order.id, Status::Refused, &refusal)
                    .await?
            }
            Err(error) => {
                return Ok(Err(Stop {
                    peer: Peer::Inventory,
                    error,
                }));
            }
        };
        Ok(Ok(()))
    }

    async fn charge(&self, order: &Order, total: Money) -> Result<Step, sqlx::Error> {
        match self.peers.charge(order, total).await {
            Ok(()) => {
                self.store
                    .step(order.id, Status::Pending, Status::Confirmed)
                    .await?
            }
            Err(CallError::Rejected(problem)) => {
                let refusal = refusal(Peer::Payments, &problem.detail);
                self.store
                    .refuse(order.id, Status::Refusing, &refusal)
                    .await?
            }
            Err(error) => {
                return Ok(Err(Stop {
                    peer: Peer::Payments,
                    error,
                }));
            }
        };
        Ok(Ok(()))
    }

    async fn put_stock_back(&self, order: &Order) -> Result<Step, sqlx::Error> {
        if let Err(error) = self.peers.release(order).await {
            return Ok(Err(Stop {
                peer: Peer::Inventory,
                error,
            }));
        }
        self.store
            .step(order.id, Status::Refusing, Status::Refused)
            .await?;
        Ok(Ok(()))
    }

    async fn give_all_back(&self, order: &Order) -> Result<Step, sqlx::Error> {
        // Without a total no charge was ever sent: it is sent only after the row has one.
        if order.total.is_some()
            && let Err(error) = self.peers.refund(order).await
        {
            return Ok(Err(Stop {
                peer: Peer::Payments,
                error,
            }));
        }
        if let Err(error) = self.peers.release(order).await {
            return Ok(Err(Stop {
                peer: Peer::Inventory,
                error,
            }));
        }
        self.store
            .step(order.id, Status::Cancelling, Status::Cancelled)
            .await?;
        Ok(Ok(()))
    }

    async fn wait(&self, order: Order, stop: Stop) -> Result<Progress, sqlx::Error> {
        let Stop { peer, error } = &stop;
        tracing::info!(order = %order.id, status = order.status.as_str(), %peer, %error, "order has to wait");
        let asked = stop.retry_after().unwrap_or_default();
        self.store
            .postpone(order.id, |attempts| backoff(attempts).max(asked))
            .await?;
        Ok(Progress::Waiting { order, stop })
    }
}

/// Done, or why not yet.
type Step = Result<(), Stop>;

fn refusal(by: Peer, reason: &str) -> Refusal {
    Refusal {
        by: by.to_string(),
        reason: reason.to_owned(),
    }
}

/// Equal jitter: between half of the doubled wait and all of it.
pub(crate) fn backoff(attempts: u32) -> Duration {
    let wait = FIRST_WAIT
        .saturating_mul(1 << attempts.min(10))
        .min(LONGEST_WAIT);
    wait.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit() {
        for attempts in [0, 1, 5, u32::MAX] {
            let wait = backoff(attempts);
            assert!(
                wait >= FIRST_WAIT / 2 && wait <= LONGEST_WAIT,
                "{attempts}: {wait:?}"
            );
        }
        assert!(backoff(9) >= LONGEST_WAIT / 2);
    }
}

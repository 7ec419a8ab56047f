use std::time::Duration;

use serde::{Deserialize, Serialize};
use shop_kit::{events::Line, ids::OrderId, money::Money};
use tower_keep_durable::saga::{Committed, Cx, Plan, Retry, Saga, StepError, lock, unlock};

use super::cause::{key, of_call, of_change, of_undo};
use crate::{config::DEADLINE_MS, peers::Peers, store::Store};

tower_keep_durable::saga_steps! {
    /// How an order is placed.
    pub(crate) enum Step {
        /// Nobody else works on the order.
        Open = "open",
        /// Its goods are set aside.
        ReserveStock = "reserve-stock",
        /// Its money is set aside.
        AuthorizePayment = "authorize-payment",
        /// From here on there is only forward.
        Confirm = "confirm",
        /// The money is taken.
        CapturePayment = "capture-payment",
        /// The goods leave the shelf.
        CommitStock = "commit-stock",
        /// The parcel is packed.
        CreateShipment = "create-shipment",
        /// Everybody is told.
        Complete = "complete",
    }
}

/// What it knows of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placing {
    pub(crate) order: OrderId,
    pub(crate) customer: String,
    pub(crate) lines: Vec<Line>,
    /// What inventory asks for it.
    pub(crate) total: Option<Money>,
}

/// Stock, then money, then no way back, then the parcel.
#[derive(Debug, Clone)]
pub(crate) struct PlaceOrder {
    pub(crate) store: Store,
    pub(crate) peers: Peers,
}

/// How long an order waits for its peers before it is given up.
const DEADLINE: Duration = Duration::from_millis(DEADLINE_MS);

/// As long as it can still be undone, a customer waits: soon again, and until the deadline.
const SOON: Retry = Retry::times(u32::MAX);

impl Saga for PlaceOrder {
    const NAME: &'static str = "place-order";
    type Step = Step;
    type State = Placing;

    fn plan(&self) -> Plan<Step, Committed> {
        Plan::new("place-order/v1")
            .compensatable(Step::Open)
            .compensatable(Step::ReserveStock)
            .retry(SOON)
            .compensatable(Step::AuthorizePayment)
            .retry(SOON)
            .pivot(Step::Confirm)
            .retriable(Step::CapturePayment)
            .retry(SOON)
            .retriable(Step::CommitStock)
            .retry(SOON)
            .retriable(Step::CreateShipment)
            .retry(SOON)
            .retriable(Step::Complete)
            .undo(SOON, Duration::from_secs(10))
            .deadline(DEADLINE)
    }

    async fn run(&self, step: Step, cx: &Cx, placing: &mut Placing) -> Result<(), StepError> {
        let order = placing.order;
        match step {
            Step::Open => {
                let mut tx = cx.local().await?;
                let clock = cx.db().clock();
                lock(&mut tx, clock, &name(order), cx.saga_id()).await?;
            }
            Step::ReserveStock => {
                let reserved = self.peers.reserve(&key(cx), order, &placing.lines).await;
                placing.total = Some(reserved.map_err(of_call)?);
            }
            Step::AuthorizePayment => {
                let (customer, total) = (&placing.customer, placing.total()?);
                let authorized = self.peers.authorize(&key(cx), order, customer, total).await;
                authorized.map_err(of_call)?;
            }
            Step::Confirm => {
                let total = placing.total()?;
                let mut tx = cx.local().await?;
                let changed = self
                    .store
                    .change(&mut tx, order, |order| order.confirm(total));
                changed.await.map_err(of_change)?;
            }
            Step::CapturePayment => {
                let captured = self.peers.capture(&key(cx), order).await;
                captured.map_err(of_call)?;
            }
            Step::CommitStock => {
                let committed = self.peers.commit_stock(&key(cx), order).await;
                committed.map_err(of_call)?;
            }
            Step::CreateShipment => {
                let shipped = self.peers.ship(&key(cx), order, &placing.lines).await;
                shipped.map_err(of_call)?;
            }
            Step::Complete => {
                let mut tx = cx.local().await?;
                let changed = self.store.change(&mut tx, order, |order| order.complete());
                changed.await.map_err(of_change)?;
                unlock(&mut tx, &name(order), cx.saga_id()).await?;
            }
        }
        Ok(())
    }

    async fn undo(&self, step: Step, cx: &Cx, placing: &mut Placing) -> Result<(), StepError> {
        let order = placing.order;
        match step {
            Step::AuthorizePayment => self.peers.void(&key(cx), order).await.map_err(of_call),
            Step::ReserveStock => self.peers.release(order).await.map_err(of_call),
            Step::Open => {
                let refusal = of_undo(cx).await?;
                let mut tx = cx.local().await?;
                let changed = self
                    .store
                    .change(&mut tx, order, |order| order.close(&refusal));
                changed.await.map_err(of_change)?;
                unlock(&mut tx, &name(order), cx.saga_id()).await?;
                Ok(())
            }
            Step::Confirm
            | Step::CapturePayment
            | Step::CommitStock
            | Step::CreateShipment
            | Step::Complete => unreachable!("the plan does not undo it"),
        }
    }
}

impl PlaceOrder {
    /// The id of the saga of an order.
    pub(crate) fn saga_of(&self, order: OrderId) -> String {
        format!("{}:{order}", Self::NAME)
    }
}

impl Placing {
    fn total(&self) -> Result<Money, StepError> {
        let total = self.total;
        total.ok_or_else(|| StepError::rejected("the order has no price"))
    }
}

/// What of an order is locked: all of it.
pub(super) fn name(order: OrderId) -> String {
    format!("order/{order}")
}

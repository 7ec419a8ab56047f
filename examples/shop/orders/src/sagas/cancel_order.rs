use serde::{Deserialize, Serialize};
use shop_kit::ids::OrderId;
use tower_keep_durable::saga::{Committed, Cx, Plan, Retry, Saga, StepError, lock, unlock};

use super::{
    cause::{key, of_call, of_change, of_undo},
    place_order::name,
};
use crate::{peers::Peers, store::Store};

tower_keep_durable::saga_steps! {
    /// How a confirmed order is undone.
    pub(crate) enum Step {
        /// Nobody else works on the order: it waits until it is placed.
        Lock = "lock",
        /// The parcel stays in the house, or it is too late.
        CancelShipment = "cancel-shipment",
        /// The money goes back.
        RefundPayment = "refund-payment",
        /// The goods go back.
        ReleaseStock = "release-stock",
        /// Everybody is told.
        Close = "close",
    }
}

/// What it knows of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cancelling {
    pub(crate) order: OrderId,
}

/// The parcel first, since it alone may say no.
#[derive(Debug, Clone)]
pub(crate) struct CancelOrder {
    pub(crate) store: Store,
    pub(crate) peers: Peers,
}

const SOON: Retry = Retry::times(u32::MAX);

impl Saga for CancelOrder {
    const NAME: &'static str = "cancel-order";
    type Step = Step;
    type State = Cancelling;

    fn plan(&self) -> Plan<Step, Committed> {
        Plan::new("cancel-order/v1")
            .compensatable(Step::Lock)
            .retry(SOON)
            .pivot(Step::CancelShipment)
            .retry(SOON)
            .retriable(Step::RefundPayment)
            .retry(SOON)
            .retriable(Step::ReleaseStock)
            .retry(SOON)
            .retriable(Step::Close)
    }

    async fn run(&self, step: Step, cx: &Cx, state: &mut Cancelling) -> Result<(), StepError> {
        let order = state.order;
        match step {
            Step::Lock => {
                let mut tx = cx.local().await?;
                let clock = cx.db().clock();
                lock(&mut tx, clock, &name(order), cx.saga_id()).await?;
                Ok(())
            }
            Step::CancelShipment => self.peers.call_back(order).await.map_err(of_call),
            Step::RefundPayment => self.peers.refund(&key(cx), order).await.map_err(of_call),
            Step::ReleaseStock => self.peers.release(order).await.map_err(of_call),
            Step::Close => {
                let mut tx = cx.local().await?;
                let changed = self.store.change(&mut tx, order, |order| order.cancelled());
                changed.await.map_err(of_change)?;
                unlock(&mut tx, &name(order), cx.saga_id()).await?;
                Ok(())
            }
        }
    }

    async fn undo(&self, step: Step, cx: &Cx, state: &mut Cancelling) -> Result<(), StepError> {
        let order = state.order;
        match step {
            Step::Lock => {
                let reason = of_undo(cx).await?.reason;
                let mut tx = cx.local().await?;
                let refused = |order: &crate::domain::Order| order.refuse_cancel(reason.clone());
                let changed = self.store.change(&mut tx, order, refused);
                changed.await.map_err(of_change)?;
                unlock(&mut tx, &name(order), cx.saga_id()).await?;
                Ok(())
            }
            Step::CancelShipment | Step::RefundPayment | Step::ReleaseStock | Step::Close => {
                unreachable!("the plan does not undo it")
            }
        }
    }
}

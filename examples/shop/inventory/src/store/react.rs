use shop_kit::{
    db::Tx,
    events::{
        OrderCancelled, OrderConfirmed, OrderCreated, OrderExpired, OrderRejected,
        ShipmentCancelled, StockCommitted, StockHeld, StockRejected, StockReleased, Told, order_of,
        tell,
    },
    flow::Flow,
    ids::OrderId,
    problem::Problem,
};
use tower_keep_durable::{
    Event,
    inbox::{Handler, HandlerError},
    outbox,
};

use super::{
    Store,
    leave::{commit_within, release_within},
    reserve::set_aside,
    row::load,
};
use crate::{
    NAME,
    domain::{Refusal, Reserve, status},
};

/// The part of inventory in choreography: what it does when others tell something of an order. The
/// reservation carries the order's id, so whatever comes twice or too late finds it.
#[derive(Debug)]
pub(crate) struct React {
    store: Store,
}

/// What it acts on.
pub(crate) const KINDS: [&str; 6] = [
    OrderCreated::KIND,
    OrderConfirmed::KIND,
    OrderRejected::KIND,
    OrderCancelled::KIND,
    OrderExpired::KIND,
    ShipmentCancelled::KIND,
];

impl Handler for React {
    const NAME: &'static str = "inventory-flow";

    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        match event.kind() {
            OrderCreated::KIND => self.hold(tx, event).await,
            OrderConfirmed::KIND => self.commit(tx, event).await,
            OrderRejected::KIND
            | OrderCancelled::KIND
            | OrderExpired::KIND
            | ShipmentCancelled::KIND => self.release(tx, event).await,
            _ => Ok(()),
        }
    }
}

impl React {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    async fn hold(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let OrderCreated {
            order,
            customer,
            lines,
        } = event.read()?;
        let reservation = order.reservation();
        let reserve = Reserve {
            id: reservation,
            order,
            lines,
        };
        if let Err(problem) = reserve.validate() {
            return self.reject(tx, event, order, problem).await;
        }
        match set_aside(tx, &reserve).await? {
            Ok((_, total)) => {
                let held = StockHeld {
                    order,
                    reservation,
                    total,
                    account: Some(customer),
                };
                self.tell(tx, event, &held).await
            }
            // What became of it was told then.
            Err(Refusal::Exists) if load(tx, reservation).await?.is_some() => Ok(()),
            Err(refusal) => self.reject(tx, event, order, refusal.into()).await,
        }
    }

    async fn reject(
        &self,
        tx: &mut Tx,
        event: &Event,
        order: OrderId,
        problem: Problem,
    ) -> Result<(), HandlerError> {
        let rejected = StockRejected {
            order,
            reservation: order.reservation(),
            reason: problem.detail.clone(),
        };
        self.tell(tx, event, &rejected).await
    }

    async fn commit(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let order = order_of(event)?;
        let reservation = order.reservation();
        let left = commit_within(tx, reservation).await?;
        // The order service confirms what is held here; an order whose parcel was called back
        // meanwhile has a reservation that was released.
        let left = left.ok_or_else(|| HandlerError::poison("nothing was ever set aside for it"))?;
        match left.moved {
            true => {
                self.tell(tx, event, &StockCommitted { order, reservation })
                    .await
            }
            false => Ok(()),
        }
    }

    async fn release(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let order = order_of(event)?;
        let reservation = order.reservation();
        let left = release_within(tx, reservation).await?;
        // Whoever cancels waits to hear that nothing is set aside, however long that has been so.
        let is_asked = event.kind() == ShipmentCancelled::KIND;
        let is_free = left.reservation.status == status::RELEASED;
        match left.moved || (is_asked && is_free) {
            true => {
                self.tell(tx, event, &StockReleased { order, reservation })
                    .await
            }
            false => Ok(()),
        }
    }

    async fn tell(&self, tx: &mut Tx, cause: &Event, told: &impl Told) -> Result<(), HandlerError> {
        let event = Flow::Choreography.mark(tell(NAME, told).caused_by(cause));
        Ok(outbox::append(tx, self.store.db.clock(), &event).await?)
    }
}

use shop_kit::{
    db::Tx,
    events::{
        OrderCancelRequested, OrderConfirmed, ShipmentCancelRefused, ShipmentCancelled,
        ShipmentCreated, Told, order_of, tell,
    },
    flow::Flow,
    problem::Problem,
};
use tower_keep_durable::{
    Event,
    inbox::{Handler, HandlerError},
    outbox,
};

use super::{
    Store,
    queries::{cancel_within, create_within},
};
use crate::{
    NAME,
    domain::{Refusal, Ship, Status},
};

/// The part of shipping in choreography: a parcel for what was confirmed, and the word on whether a
/// wish to cancel comes in time. The shipment carries the order's id, so whatever comes twice or too
/// late finds it.
#[derive(Debug)]
pub(crate) struct React {
    store: Store,
}

/// What it acts on. An order that was rejected or has expired was never confirmed.
pub(crate) const KINDS: [&str; 2] = [OrderConfirmed::KIND, OrderCancelRequested::KIND];

impl Handler for React {
    const NAME: &'static str = "shipping-flow";

    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        match event.kind() {
            OrderConfirmed::KIND => self.pack(tx, event).await,
            OrderCancelRequested::KIND => self.call_back(tx, event).await,
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

    async fn pack(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let OrderConfirmed { order, lines, .. } = event.read()?;
        let shipment = order.shipment();
        let ship = Ship {
            id: shipment,
            order,
            lines,
        };
        ship.validate()
            .map_err(|problem| HandlerError::poison(problem.detail.clone()))?;
        match create_within(tx, self.store.db.now(), &ship).await? {
            Ok(packed) if packed.new => {
                self.tell(tx, event, &ShipmentCreated { order, shipment })
                    .await
            }
            Ok(_) | Err(Refusal::Cancelled) => Ok(()),
            Err(refusal) => Err(HandlerError::poison(Problem::from(refusal).detail.clone())),
        }
    }

    /// The pivot of a cancellation: what shipping says now holds, and is said each time it is asked.
    async fn call_back(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let order = order_of(event)?;
        let shipment = order.shipment();
        let (found, _) = cancel_within(tx, self.store.db.now(), shipment).await?;
        match found.status {
            Status::Created | Status::Cancelled => {
                self.tell(tx, event, &ShipmentCancelled { order, shipment })
                    .await
            }
            Status::Dispatched => {
                let refused = ShipmentCancelRefused {
                    order,
                    shipment,
                    reason: Problem::from(Refusal::Dispatched).detail.clone(),
                };
                self.tell(tx, event, &refused).await
            }
        }
    }

    async fn tell(&self, tx: &mut Tx, cause: &Event, told: &impl Told) -> Result<(), HandlerError> {
        let event = Flow::Choreography.mark(tell(NAME, told).caused_by(cause));
        Ok(outbox::append(tx, self.store.db.clock(), &event).await?)
    }
}

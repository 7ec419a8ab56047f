use shop_kit::{
    db::Tx,
    ids::{IdError, OrderId},
};
use tower_keep_durable::{
    Event,
    event_store::{EventStore, Expected, StoreError},
    inbox::{Handler, HandlerError},
};

use crate::{NAME, domain::OrderView};

/// Puts what was told of an order into its stream of the log.
#[derive(Debug)]
pub(crate) struct Hear {
    log: EventStore,
}

impl Hear {
    pub(crate) fn new(log: &EventStore) -> Self {
        Self { log: log.clone() }
    }
}

impl Handler for Hear {
    const NAME: &'static str = NAME;

    /// What the views could not take in must not get into the log, where they would stand still before
    /// it: it is poison, and becomes a dead letter.
    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let order: OrderId = event
            .key()
            .ok_or_else(|| HandlerError::poison("the event has no order as its key"))?
            .parse()
            .map_err(|error: IdError| HandlerError::poison(error))?;
        OrderView::new(order, 0).apply(event, 0)?;
        self.log
            .append(
                tx,
                &format!("order/{order}"),
                Expected::Any,
                std::slice::from_ref(event),
            )
            .await
            .map(drop)
            .map_err(|error: StoreError| HandlerError::transient(error))
    }
}

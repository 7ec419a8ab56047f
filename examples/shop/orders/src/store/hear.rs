use shop_kit::{db::Tx, events::order_of};
use tower_keep_durable::{
    Event,
    event_store::StoreError,
    inbox::{Handler, HandlerError},
};

use super::{ChangeError, Store};
use crate::domain::Story;

/// The part of orders in choreography: it hears what became of stock, money and parcel, and decides
/// what that means for the order. What was heard becomes part of the order's events.
#[derive(Debug)]
pub(crate) struct Hear {
    store: Store,
}

impl Hear {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

impl Handler for Hear {
    const NAME: &'static str = "orders-flow";

    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let order = order_of(event)?;
        let heard = self.store.decide(tx, order, |story: &Story| {
            // Somebody else's, such as a payment that was made by hand.
            let order = story.order.as_ref();
            let heard = order.map_or(Ok(Vec::new()), |order| order.hear(event));
            heard.map_err(ChangeError::from)
        });
        heard.await.map(drop).map_err(|error| match error {
            ChangeError::Invalid(error) | ChangeError::Store(StoreError::Invalid { error, .. }) => {
                error.into()
            }
            error => HandlerError::transient(error),
        })
    }
}

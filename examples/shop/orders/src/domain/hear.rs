//! What an order makes of what the others tell: its side of the choreography.

use shop_kit::{
    events::{PaymentAuthorized, PaymentDeclined, ShipmentCancelRefused, StockRejected, Told},
    flow::Flow,
};
use tower_keep_durable::{Event, event::InvalidEvent};

use super::{NotNow, Order, Refusal, Status};

impl Order {
    /// What has happened to an order when another service tells of its part: that this was heard, and
    /// what follows from it. Whatever the order's state is, there is an answer: what comes too late is
    /// kept and changes nothing. Nothing at all for an order whose peers are asked by a saga.
    ///
    /// # Errors
    /// The event does not say what one of its kind has to say.
    pub(crate) fn hear(&self, event: &Event) -> Result<Vec<Event>, InvalidEvent> {
        if self.flow != Flow::Choreography {
            return Ok(Vec::new());
        }
        let mut order = self.clone();
        order.apply(event)?;
        let mut happened = vec![event.clone()];
        // Each one changes the status, and there is no way around in a circle.
        while let Some(next) = order.follows(event)? {
            let next = next.caused_by(event);
            order.apply(&next)?;
            happened.push(next);
        }
        Ok(happened)
    }

    /// The next thing that follows.
    fn follows(&self, event: &Event) -> Result<Option<Event>, InvalidEvent> {
        let parts = &self.parts;
        let decision = match (self.status, event.kind()) {
            (Status::Pending, StockRejected::KIND) => {
                let StockRejected { reason, .. } = event.read()?;
                self.close(&refused("inventory", reason))
            }
            (Status::Pending, PaymentDeclined::KIND) => {
                let PaymentDeclined { reason, .. } = event.read()?;
                self.close(&refused("payments", reason))
            }
            // Money is set aside for goods that are: this is the pivot.
            (Status::Pending, PaymentAuthorized::KIND) => {
                let PaymentAuthorized { amount, .. } = event.read()?;
                self.confirm(amount)
            }
            (Status::Confirmed, _)
                if parts.is_captured() && parts.is_committed() && parts.is_packed() =>
            {
                self.complete()
            }
            (Status::Cancelling, ShipmentCancelRefused::KIND) => {
                let ShipmentCancelRefused { reason, .. } = event.read()?;
                self.refuse_cancel(reason)
            }
            (Status::Cancelling, _)
                if parts.is_called_back() && parts.is_money_free() && parts.is_stock_free() =>
            {
                self.cancelled()
            }
            _ => return Ok(None),
        };
        // It is asked only in states in which it can be.
        Ok(decision.unwrap_or_else(|NotNow(_)| Vec::new()).pop())
    }

    /// Whom an order by choreography waits for at the moment.
    pub(crate) fn waits_for(&self) -> Vec<&'static str> {
        let parts = &self.parts;
        let (stock, money, parcel) = match self.status {
            Status::Pending => (parts.stock.is_none(), parts.stock.is_some(), false),
            Status::Confirmed => (
                !parts.is_committed(),
                !parts.is_captured(),
                !parts.is_packed(),
            ),
            Status::Cancelling if !parts.is_called_back() => (false, false, true),
            Status::Cancelling => (!parts.is_stock_free(), !parts.is_money_free(), false),
            Status::Completed | Status::Rejected | Status::Expired | Status::Cancelled => {
                (false, false, false)
            }
        };
        let all = [
            (stock, "inventory"),
            (money, "payments"),
            (parcel, "shipping"),
        ];
        let waited = all.into_iter().filter(|(waits, _)| *waits);
        waited.map(|(_, whom)| whom).collect()
    }
}

fn refused(by: &str, reason: String) -> Refusal {
    Refusal {
        by: by.to_owned(),
        reason,
    }
}

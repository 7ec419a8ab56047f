//! What an order looks like from what was told of it. No I/O.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use shop_kit::{
    events::{
        OrderCancelRefused, OrderCancelRequested, OrderCancelled, OrderCompleted, OrderConfirmed,
        OrderCreated, OrderExpired, OrderRejected, PaymentAuthorized, PaymentCaptured,
        PaymentDeclined, PaymentRefunded, PaymentVoided, ShipmentCancelled, ShipmentCreated,
        ShipmentDispatched, Told,
    },
    ids::OrderId,
    money::Money,
};
use tower_keep_durable::{Event, event::InvalidEvent};

/// An order as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct OrderView {
    pub(crate) id: OrderId,
    /// Not known, and the order not shown, while only others than the order service have told of it.
    pub(crate) customer: Option<String>,
    pub(crate) status: Status,
    /// What it was before its customer wanted it undone.
    #[serde(skip)]
    pub(crate) before: Option<Status>,
    pub(crate) total: Option<Money>,
    /// The last that payments told of it.
    pub(crate) payment: Option<String>,
    /// The last that shipping told of it.
    pub(crate) shipment: Option<String>,
    /// Microseconds since 1970.
    pub(crate) created_at: i64,
    /// Of the latest event.
    pub(crate) updated_at: i64,
    /// How many events it is made of.
    pub(crate) version: i64,
}

/// Where an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Pending,
    Confirmed,
    Completed,
    Rejected,
    Cancelling,
    Cancelled,
    Expired,
}

impl Status {
    const ALL: [Self; 7] = [
        Self::Pending,
        Self::Confirmed,
        Self::Completed,
        Self::Rejected,
        Self::Cancelling,
        Self::Cancelled,
        Self::Expired,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Completed => "completed",
            Self::Rejected => "rejected",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("`{name}` is not a status; use one of {names}")
        })
    }
}

/// What every event of the order service says.
#[derive(Deserialize)]
struct Whose {
    customer: String,
}

impl OrderView {
    /// An order of which nothing is known.
    pub(crate) fn new(id: OrderId, at: i64) -> Self {
        Self {
            id,
            customer: None,
            status: Status::Pending,
            before: None,
            total: None,
            payment: None,
            shipment: None,
            created_at: at,
            updated_at: at,
            version: 0,
        }
    }

    /// Takes in what was told at this time. What the order service tells comes in its order; what
    /// others tell may be earlier or later than that, and touches nothing of it.
    pub(crate) fn apply(&mut self, event: &Event, at: i64) -> Result<(), InvalidEvent> {
        self.version += 1;
        self.updated_at = self.updated_at.max(at);
        match event.kind() {
            OrderCreated::KIND => self.created_at = at,
            OrderConfirmed::KIND => {
                self.total = Some(event.read::<OrderConfirmed>()?.total);
                self.status = Status::Confirmed;
            }
            OrderCompleted::KIND => {
                self.total = Some(event.read::<OrderCompleted>()?.total);
                match self.status {
                    Status::Cancelling => self.before = Some(Status::Completed),
                    _ => self.status = Status::Completed,
                }
            }
            OrderRejected::KIND => self.status = Status::Rejected,
            OrderCancelRequested::KIND => {
                self.before = Some(self.status);
                self.status = Status::Cancelling;
            }
            OrderCancelRefused::KIND => {
                self.status = self.before.take().unwrap_or(Status::Completed);
            }
            OrderCancelled::KIND => {
                self.before = None;
                self.status = Status::Cancelled;
            }
            OrderExpired::KIND => self.status = Status::Expired,
            kind => {
                if let Some(word) = payment(kind) {
                    self.payment = Some(word.to_owned());
                } else if let Some(word) = shipment(kind) {
                    self.shipment = Some(word.to_owned());
                }
                return Ok(());
            }
        }
        self.customer = Some(event.read::<Whose>()?.customer);
        Ok(())
    }

    /// As what it counts, and for whom: its status, and what it is worth if it was completed.
    pub(crate) fn counts(&self) -> Option<(&str, Status, Option<Money>)> {
        let worth = self.total.filter(|_| self.status == Status::Completed);
        let customer = self.customer.as_deref()?;
        Some((customer, self.status, worth))
    }
}

fn payment(kind: &str) -> Option<&'static str> {
    Some(match kind {
        PaymentAuthorized::KIND => "authorized",
        PaymentDeclined::KIND => "declined",
        PaymentCaptured::KIND => "captured",
        PaymentVoided::KIND => "voided",
        PaymentRefunded::KIND => "refunded",
        _ => return None,
    })
}

fn shipment(kind: &str) -> Option<&'static str> {
    Some(match kind {
        ShipmentCreated::KIND => "created",
        ShipmentDispatched::KIND => "dispatched",
        ShipmentCancelled::KIND => "cancelled",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_found_by_its_name_and_no_other_is() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        let error = "lost".parse::<Status>().unwrap_err();
        assert!(error.contains("pending, confirmed"), "{error}");
    }
}

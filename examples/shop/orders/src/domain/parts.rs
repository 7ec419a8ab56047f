use serde::{Deserialize, Serialize};
use shop_kit::events::{
    PaymentAuthorized, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentVoided,
    ShipmentCancelRefused, ShipmentCancelled, ShipmentCreated, ShipmentDispatched, StockCommitted,
    StockHeld, StockRejected, StockReleased, Told,
};

/// What the order service listens to: all that the others tell of their part of an order.
pub(crate) const KINDS: [&str; 13] = [
    StockRejected::KIND,
    StockHeld::KIND,
    StockCommitted::KIND,
    StockReleased::KIND,
    PaymentDeclined::KIND,
    PaymentAuthorized::KIND,
    PaymentCaptured::KIND,
    PaymentVoided::KIND,
    PaymentRefunded::KIND,
    ShipmentCreated::KIND,
    ShipmentDispatched::KIND,
    ShipmentCancelled::KIND,
    ShipmentCancelRefused::KIND,
];

/// What is known of the parts of an order for which nobody is asked. Each may come at any time
/// relative to the others; none goes back to what it was before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parts {
    #[serde(default)]
    pub(crate) stock: Option<Stock>,
    #[serde(default)]
    pub(crate) payment: Option<Payment>,
    #[serde(default)]
    pub(crate) shipment: Option<Shipment>,
}

/// In the order in which they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stock {
    Rejected,
    Held,
    Committed,
    Released,
}

/// In the order in which they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Payment {
    Declined,
    Authorized,
    Captured,
    Voided,
    Refunded,
}

/// In the order in which they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shipment {
    Created,
    Dispatched,
    Cancelled,
}

impl Parts {
    /// Takes in that an event of this kind was told. What was told before comes late and changes
    /// nothing.
    pub(super) fn hear(&mut self, kind: &str) {
        let (stock, payment, shipment) = match kind {
            StockRejected::KIND => (Some(Stock::Rejected), None, None),
            StockHeld::KIND => (Some(Stock::Held), None, None),
            StockCommitted::KIND => (Some(Stock::Committed), None, None),
            StockReleased::KIND => (Some(Stock::Released), None, None),
            PaymentDeclined::KIND => (None, Some(Payment::Declined), None),
            PaymentAuthorized::KIND => (None, Some(Payment::Authorized), None),
            PaymentCaptured::KIND => (None, Some(Payment::Captured), None),
            PaymentVoided::KIND => (None, Some(Payment::Voided), None),
            PaymentRefunded::KIND => (None, Some(Payment::Refunded), None),
            ShipmentCreated::KIND => (None, None, Some(Shipment::Created)),
            ShipmentDispatched::KIND => (None, None, Some(Shipment::Dispatched)),
            ShipmentCancelled::KIND => (None, None, Some(Shipment::Cancelled)),
            _ => (None, None, None),
        };
        self.stock = self.stock.max(stock);
        self.payment = self.payment.max(payment);
        self.shipment = self.shipment.max(shipment);
    }

    /// Nobody has told anything.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The goods are gone, or never will be set aside.
    pub(super) fn is_stock_free(&self) -> bool {
        matches!(self.stock, Some(Stock::Rejected | Stock::Released))
    }

    /// Nothing is held on the card, or will be.
    pub(super) fn is_money_free(&self) -> bool {
        use Payment as P;
        matches!(self.payment, Some(P::Declined | P::Voided | P::Refunded))
    }

    pub(super) fn is_captured(&self) -> bool {
        self.payment == Some(Payment::Captured)
    }

    pub(super) fn is_committed(&self) -> bool {
        self.stock == Some(Stock::Committed)
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(
            self.shipment,
            Some(Shipment::Created | Shipment::Dispatched)
        )
    }

    pub(super) fn is_called_back(&self) -> bool {
        self.shipment == Some(Shipment::Cancelled)
    }
}

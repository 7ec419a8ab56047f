//! What the services tell each other: the contract between them, and all that they share of one
//! another's data.
//!
//! Every event is about an order and has its id as key, so all that is told of one order arrives in
//! the order in which it was told. A kind carries its version; what is told differently later is
//! told under the next one.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tower_keep_durable::{Event, event::InvalidEvent};

use crate::{
    ids::{OrderId, PaymentId, ReservationId, ShipmentId},
    money::Money,
};

/// Something that a service tells.
pub trait Told: Serialize + DeserializeOwned {
    /// Its type, with version.
    const KIND: &'static str;

    /// The order it is about.
    fn order(&self) -> OrderId;
}

/// The event of `service` that tells it.
#[must_use]
pub fn tell<T: Told>(service: &str, told: &T) -> Event {
    let order = told.order().to_string();
    Event::new(format!("/shop/{service}"), T::KIND, told)
        .about(&order)
        .keyed(&order)
}

/// The order that an event of any kind is about.
///
/// # Errors
/// Its data does not say.
pub fn order_of(event: &Event) -> Result<OrderId, InvalidEvent> {
    #[derive(Deserialize)]
    struct About {
        order: OrderId,
    }
    event.read().map(|About { order }| order)
}

/// So many of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Which product.
    pub product: String,
    /// How many.
    pub quantity: i64,
}

macro_rules! told {
    ($($(#[$doc:meta])* $name:ident $kind:literal { $($(#[$of:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            /// The order it is about.
            pub order: OrderId,
            $($(#[$of])* pub $field: $type,)*
        }

        impl Told for $name {
            const KIND: &'static str = concat!("shop.", $kind, ".v1");

            fn order(&self) -> OrderId {
                self.order
            }
        }
    )*};
}

told! {
    /// An order was taken; nothing is decided.
    OrderCreated "order.created" {
        /// Who ordered, and whose account pays.
        customer: String,
        /// What was ordered.
        lines: Vec<Line>,
    }
    /// Stock and payment are there: the order will be carried out.
    OrderConfirmed "order.confirmed" {
        /// Who ordered.
        customer: String,
        /// What it costs.
        total: Money,
        /// What is to be sent; empty in events of before there was choreography.
        #[serde(default)]
        lines: Vec<Line>,
    }
    /// It was paid and is on its way.
    OrderCompleted "order.completed" {
        /// Who ordered.
        customer: String,
        /// What it cost.
        total: Money,
    }
    /// It will not be carried out. Nothing of it is left; by choreography, the others undo their part
    /// when they hear of it.
    OrderRejected "order.rejected" {
        /// Who ordered.
        customer: String,
        /// Which service said no.
        by: String,
        /// And why.
        reason: String,
    }
    /// The customer wants it undone.
    OrderCancelRequested "order.cancel_requested" {
        /// Who ordered.
        customer: String,
    }
    /// It is too late for that.
    OrderCancelRefused "order.cancel_refused" {
        /// Who ordered.
        customer: String,
        /// Why.
        reason: String,
    }
    /// The customer took it back.
    OrderCancelled "order.cancelled" {
        /// Who ordered.
        customer: String,
    }
    /// Nobody answered in time. Whoever did something for it undoes that.
    OrderExpired "order.expired" {
        /// Who ordered.
        customer: String,
    }
    /// Stock was set aside.
    StockHeld "stock.held" {
        /// Under this id.
        reservation: ReservationId,
        /// What it costs.
        total: Money,
        /// Whose account pays, where inventory was told and passes it on to payments: by choreography.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
    }
    /// There was not enough.
    StockRejected "stock.rejected" {
        /// Under this id.
        reservation: ReservationId,
        /// Why.
        reason: String,
    }
    /// Stock went back.
    StockReleased "stock.released" {
        /// Under this id.
        reservation: ReservationId,
    }
    /// Stock left the house.
    StockCommitted "stock.committed" {
        /// Under this id.
        reservation: ReservationId,
    }
    /// The money is set aside at the card network.
    PaymentAuthorized "payment.authorized" {
        /// Under this id.
        payment: PaymentId,
        /// So much.
        amount: Money,
    }
    /// The card network said no.
    PaymentDeclined "payment.declined" {
        /// Under this id.
        payment: PaymentId,
        /// Why.
        reason: String,
    }
    /// The money was taken.
    PaymentCaptured "payment.captured" {
        /// Under this id.
        payment: PaymentId,
        /// So much.
        amount: Money,
    }
    /// What was set aside is free again.
    PaymentVoided "payment.voided" {
        /// Under this id.
        payment: PaymentId,
    }
    /// What was taken was given back.
    PaymentRefunded "payment.refunded" {
        /// Under this id.
        payment: PaymentId,
        /// So much.
        amount: Money,
    }
    /// A parcel is to be sent.
    ShipmentCreated "shipment.created" {
        /// Under this id.
        shipment: ShipmentId,
    }
    /// It has left the house.
    ShipmentDispatched "shipment.dispatched" {
        /// Under this id.
        shipment: ShipmentId,
    }
    /// It will not be sent.
    ShipmentCancelled "shipment.cancelled" {
        /// Under this id.
        shipment: ShipmentId,
    }
    /// It was to be called back, and had left.
    ShipmentCancelRefused "shipment.cancel_refused" {
        /// Under this id.
        shipment: ShipmentId,
        /// Why.
        reason: String,
    }
    /// The customer was told.
    NotificationSent "notification.sent" {
        /// Who.
        customer: String,
        /// What.
        text: String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_about_its_order_and_is_read_again() {
        let told = ShipmentCreated {
            order: OrderId::generate(),
            shipment: ShipmentId::generate(),
        };
        let event = tell("shipping", &told);
        assert_eq!(event.kind(), "shop.shipment.created.v1");
        assert_eq!(event.source(), "/shop/shipping");
        assert_eq!(event.key(), Some(&*told.order.to_string()));
        let event = Event::from_json(&event.to_json()).unwrap();
        assert_eq!(order_of(&event), Ok(told.order));
        assert_eq!(event.read::<ShipmentCreated>(), Ok(told));
    }
}

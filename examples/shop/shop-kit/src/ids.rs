//! Ids that say what they name: `ord_`, `pay_`, `res_` and `shp_`, each followed by a UUIDv7.
//!
//! A v7 id starts with its time, so ids made later sort later and indexes stay compact.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not the id that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of this kind; it must be `{prefix}` and a UUID")]
pub struct IdError {
    text: String,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .and_then(|uuid| Uuid::try_parse(uuid).ok())
                    .map(Self)
                    .ok_or_else(|| IdError { text: text.to_owned(), prefix: $prefix })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

id!(
    /// An order, made by the order service.
    OrderId, "ord_"
);
id!(
    /// A payment. The caller names it, so that it can refund a payment whose answer it never saw.
    PaymentId, "pay_"
);
id!(
    /// A reservation of stock. The caller names it, for the same reason.
    ReservationId, "res_"
);
id!(
    /// A parcel. The caller names it, for the same reason.
    ShipmentId, "shp_"
);

/// An order has one payment, one reservation and one parcel, and they carry its UUID: whoever knows
/// the order can name all of them before they exist, and undo what was never answered.
impl OrderId {
    /// Its payment.
    #[must_use]
    pub fn payment(self) -> PaymentId {
        PaymentId(self.0)
    }

    /// Its reservation.
    #[must_use]
    pub fn reservation(self) -> ReservationId {
        ReservationId(self.0)
    }

    /// Its parcel.
    #[must_use]
    pub fn shipment(self) -> ShipmentId {
        ShipmentId(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_a_round_trip_and_another_kind_does_not_pass() {
        let order = OrderId::generate();
        assert_eq!(order.to_string().parse(), Ok(order));
        let error = order.to_string().parse::<PaymentId>().unwrap_err();
        assert!(error.to_string().contains("`pay_` and a UUID"), "{error}");
    }
}

//! What a shipment is and how it may change. No I/O.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shop_kit::{
    events::Line,
    ids::{OrderId, ShipmentId},
    problem::Problem,
};

/// The request for a parcel. The caller names the shipment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ship {
    pub(crate) id: ShipmentId,
    pub(crate) order: OrderId,
    pub(crate) lines: Vec<Line>,
}

impl Ship {
    /// Checks what can be checked without the database.
    pub(crate) fn validate(&self) -> Result<(), Problem> {
        if self.lines.is_empty() {
            return Err(Problem::invalid("lines", "the parcel is empty")
                .remedy("ship at least one product"));
        }
        for (at, line) in self.lines.iter().enumerate() {
            if line.quantity <= 0 {
                let detail = format!("the quantity is {}", line.quantity);
                return Err(Problem::invalid(format!("lines[{at}].quantity"), detail)
                    .remedy("ship at least 1"));
            }
        }
        Ok(())
    }
}

/// A shipment as others see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Shipment {
    pub(crate) id: ShipmentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<OrderId>,
    pub(crate) status: Status,
}

/// Where a shipment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It is packed.
    Created,
    /// It has left the house.
    Dispatched,
    /// It will not be sent. Without an order it is a tombstone: the cancellation came first.
    Cancelled,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Dispatched => "dispatched",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Created, Self::Dispatched, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// Why it was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The cancellation came first.
    Cancelled,
    /// It is on its way.
    Dispatched,
    /// A shipment of this id, or for this order, has other contents.
    Exists,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (kind, detail, field) = match refusal {
            Refusal::Cancelled => ("shipment-cancelled", "this shipment was cancelled", "id"),
            Refusal::Dispatched => (
                "shipment-dispatched",
                "the parcel is on its way and cannot be called back",
                "id",
            ),
            Refusal::Exists => (
                "shipment-exists",
                "a shipment of this id or for this order has other contents",
                "order",
            ),
        };
        Self::new(StatusCode::CONFLICT, kind, detail).field(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named() {
        let ship = |lines: &[(&str, i64)]| Ship {
            id: ShipmentId::generate(),
            order: OrderId::generate(),
            lines: lines
                .iter()
                .map(|&(product, quantity)| Line {
                    product: product.into(),
                    quantity,
                })
                .collect(),
        };
        for (lines, field) in [
            (&[][..], "lines"),
            (&[("tea", 1), ("mug", 0)], "lines[1].quantity"),
        ] {
            let problem = ship(lines).validate().unwrap_err();
            assert_eq!(
                (problem.status, problem.field.as_deref()),
                (422, Some(field))
            );
        }
        assert!(ship(&[("tea", 1)]).validate().is_ok());
    }
}

//! What an order is and how it may change. No I/O.

use serde::{Deserialize, Serialize};
use shop_kit::{
    ids::{OrderId, PaymentId, ReservationId},
    money::Money,
    problem::Problem,
};

/// The request for an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    /// Who orders, and whose account pays.
    pub(crate) customer: String,
    pub(crate) lines: Vec<Line>,
}

/// So many of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    pub(crate) product: String,
    pub(crate) quantity: i64,
}

/// The most lines that an order may have.
const MOST_LINES: usize = 100;

impl NewOrder {
    pub(crate) fn validate(&self) -> Result<(), Problem> {
        check_name("customer", &self.customer)?;
        if self.lines.is_empty() {
            return Err(Problem::invalid("lines", "the order is empty")
                .remedy("order at least one product"));
        }
        if self.lines.len() > MOST_LINES {
            let detail = format!("the order has {} lines", self.lines.len());
            return Err(Problem::invalid("lines", detail).remedy("order at most 100 lines at once"));
        }
        for (at, line) in self.lines.iter().enumerate() {
            check_name(&format!("lines[{at}].product"), &line.product)?;
            if line.quantity <= 0 {
                let detail = format!("the quantity is {}", line.quantity);
                return Err(Problem::invalid(format!("lines[{at}].quantity"), detail)
                    .remedy("order at least 1"));
            }
            if self.lines[..at]
                .iter()
                .any(|earlier| earlier.product == line.product)
            {
                let detail = format!("{} is on two lines", line.product);
                return Err(Problem::invalid(format!("lines[{at}].product"), detail)
                    .remedy("put them on one line"));
            }
        }
        Ok(())
    }
}

fn check_name(field: &str, name: &str) -> Result<(), Problem> {
    if (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(
        Problem::invalid(field, "it must be 1 to 64 visible ASCII characters")
            .remedy("send the id, not a text"),
    )
}

/// The states of an order.
///
/// ```text
/// pending ──► confirmed ──► cancelling ──► cancelled
///    │ └────────────────────────▲
///    ├──► refusing ──► refused        (stock goes back on the way)
///    └──────────────►─────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Stock or payment is not settled yet.
    Pending,
    /// Stock is set aside and paid.
    Confirmed,
    /// Not paid; the stock is still to be put back.
    Refusing,
    /// Nothing is set aside, nothing was paid.
    Refused,
    /// Money and stock are still to be given back.
    Cancelling,
    /// Money and stock were given back.
    Cancelled,
}

impl Status {
    const ALL: [Self; 6] = [
        Self::Pending,
        Self::Confirmed,
        Self::Refusing,
        Self::Refused,
        Self::Cancelling,
        Self::Cancelled,
    ];

    /// The word for it, in rows and answers.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Refusing => "refusing",
            Self::Refused => "refused",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Nothing is left to do.
    pub(crate) fn is_settled(self) -> bool {
        matches!(self, Self::Confirmed | Self::Refused | Self::Cancelled)
    }

    /// The customer may still cancel.
    pub(crate) fn can_cancel(self) -> bool {
        matches!(self, Self::Pending | Self::Confirmed)
    }
}

/// Who said no, and in which words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    pub(crate) by: String,
    pub(crate) reason: String,
}

/// An order as others see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) customer: String,
    pub(crate) status: Status,
    pub(crate) lines: Vec<Line>,
    /// Known once the stock is set aside, at the price of that moment.
    pub(crate) total: Option<Money>,
    /// Named by this service before anything is sent, so that both can be undone even if the
    /// answers never arrive.
    pub(crate) payment: PaymentId,
    pub(crate) reservation: ReservationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<Refusal>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(customer: &str, lines: &[(&str, i64)]) -> NewOrder {
        let line = |&(product, quantity): &(&str, i64)| Line {
            product: product.into(),
            quantity,
        };
        NewOrder {
            customer: customer.into(),
            lines: lines.iter().map(line).collect(),
        }
    }

    #[test]
    fn a_wrong_field_is_named_with_its_remedy() {
        for (order, field) in [
            (order("", &[("tea", 1)]), "customer"),
            (order("a b", &[("tea", 1)]), "customer"),
            (order("anna", &[]), "lines"),
            (order("anna", &[("tea", 1); 101]), "lines"),
            (order("anna", &[("tea", 1), ("", 1)]), "lines[1].product"),
            (order("anna", &[("tea", 0)]), "lines[0].quantity"),
            (order("anna", &[("tea", i64::MIN)]), "lines[0].quantity"),
            (order("anna", &[("tea", 1), ("tea", 2)]), "lines[1].product"),
        ] {
            let problem = order.validate().unwrap_err();
            assert_eq!(
                (problem.status, problem.field.as_deref()),
                (422, Some(field))
            );
            assert!(problem.remedy.is_some());
        }
        assert_eq!(order("anna", &[("tea", 1)]).validate(), Ok(()));
    }

    #[test]
    fn only_what_is_open_or_confirmed_can_be_cancelled() {
        for status in Status::ALL {
            assert_eq!(Status::named(status.as_str()), Some(status));
            assert_eq!(
                status.can_cancel(),
                ["pending", "confirmed"].contains(&status.as_str())
            );
        }
    }
}

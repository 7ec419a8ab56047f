use serde::{Deserialize, Serialize};
use shop_kit::{
    flow::Flow,
    ids::{OrderId, PaymentId},
    money::Money,
    problem::Problem,
};

use super::{Network, Status};

/// The request to hold money. The caller names the payment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorize {
    pub(crate) id: PaymentId,
    pub(crate) order: OrderId,
    /// Whose card pays.
    pub(crate) account: String,
    pub(crate) amount: Money,
}

impl Authorize {
    pub(crate) fn validate(&self) -> Result<(), Problem> {
        if self.amount.minor <= 0 {
            let detail = format!("the amount is {}", self.amount.minor);
            return Err(
                Problem::invalid("amount.minor", detail).remedy("ask for at least 1 minor unit")
            );
        }
        Ok(())
    }
}

/// A payment as others see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Payment {
    pub(crate) id: PaymentId,
    pub(crate) status: Status,
    /// Without it it is a tombstone.
    #[serde(flatten)]
    pub(crate) terms: Option<Terms>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decline: Option<Decline>,
    /// By choreography nobody repeats a request for it: what is under way is seen through here.
    #[serde(skip)]
    pub(crate) flow: Flow,
    /// The id under which its order goes through the logs, if an event called for it.
    #[serde(skip)]
    pub(crate) correlation: Option<String>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Terms {
    pub(crate) order: OrderId,
    pub(crate) account: String,
    pub(crate) amount: Money,
}

/// Why the card does not pay, as the network says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decline {
    pub(crate) code: String,
    pub(crate) detail: String,
}

/// What the network says of a payment: in an answer, or in a webhook.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Report {
    pub(crate) id: PaymentId,
    pub(crate) status: Network,
    #[serde(default)]
    pub(crate) decline: Option<Decline>,
}

#[cfg(test)]
mod tests {
    use shop_kit::money::Currency;

    use super::*;

    #[test]
    fn nothing_and_less_than_nothing_cannot_be_paid() {
        for minor in [0, -1, i64::MIN] {
            let request = Authorize {
                id: PaymentId::generate(),
                order: OrderId::generate(),
                account: "cus_a".into(),
                amount: Money::new(minor, Currency::EUR),
            };
            let problem = request.validate().unwrap_err();
            assert_eq!(
                (problem.status, problem.field.as_deref()),
                (422, Some("amount.minor"))
            );
        }
    }
}

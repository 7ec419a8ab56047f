use http::StatusCode as S;
use shop_kit::{ids::PaymentId, problem::Problem};

use super::{Decline, Status};

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The card does not pay.
    Declined(Decline),
    /// The void came first.
    Voided,
    /// The order has another payment.
    SecondPayment,
    /// A payment of this id was made under another key.
    Exists,
    /// There is no such payment.
    Unknown(PaymentId),
    /// Nothing is held that could be captured.
    NothingHeld(Status),
    /// It was captured, and a void is for what was not.
    Captured,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Declined(Decline { code, detail }) => {
                Self::new(S::PAYMENT_REQUIRED, &code, detail)
                    .field("account")
                    .remedy("pay with another card, or order less")
            }
            Refusal::Voided => Self::new(
                S::CONFLICT,
                "payment-voided",
                "this payment was cancelled before it was made",
            )
            .field("id"),
            Refusal::SecondPayment => Self::new(
                S::CONFLICT,
                "order-has-payment",
                "the order has another payment",
            )
            .field("order"),
            Refusal::Exists => Self::new(
                S::CONFLICT,
                "payment-exists",
                "a payment of this id was requested before",
            )
            .field("id"),
            Refusal::Unknown(id) => Self::not_found("payment", id),
            Refusal::NothingHeld(status) => {
                let detail = format!("the payment is {}: nothing is held", status.as_str());
                Self::new(S::CONFLICT, "nothing-held", detail).field("id in the path")
            }
            Refusal::Captured => Self::new(
                S::CONFLICT,
                "payment-captured",
                "the money was taken already",
            )
            .field("id in the path")
            .remedy("refund it"),
        }
    }
}

//! What a payment is and when it is taken. No I/O.

use serde::{Deserialize, Serialize};
use shop_kit::{
    ids::{OrderId, PaymentId},
    money::Money,
    problem::Problem,
};

/// Whose money it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) balance: Money,
    /// The card was reported stolen.
    pub(crate) blocked: bool,
}

/// The request to take a payment. The caller names the payment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Charge {
    pub(crate) id: PaymentId,
    pub(crate) order: OrderId,
    pub(crate) account: String,
    pub(crate) amount: Money,
}

impl Charge {
    /// Checks what can be checked without an account.
    pub(crate) fn validate(&self) -> Result<(), Problem> {
        if self.amount.minor <= 0 {
            let detail = format!("the amount is {}", self.amount.minor);
            return Err(
                Problem::invalid("amount.minor", detail).remedy("charge at least 1 minor unit")
            );
        }
        Ok(())
    }

    /// Decides whether `account` pays: the balance that is left, or why not.
    pub(crate) fn decide(&self, account: Option<&Account>) -> Result<Money, Refusal> {
        let account = account.ok_or_else(|| Refusal::UnknownAccount(self.account.clone()))?;
        if account.blocked {
            return Err(Refusal::CardBlocked);
        }
        if account.balance.currency != self.amount.currency {
            return Err(Refusal::OtherCurrency(account.balance));
        }
        match account.balance.minor.checked_sub(self.amount.minor) {
            Some(left) if left >= 0 => Ok(Money {
                minor: left,
                ..account.balance
            }),
            _ => Err(Refusal::InsufficientFunds(self.amount)),
        }
    }
}

/// Why a payment was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    UnknownAccount(String),
    CardBlocked,
    OtherCurrency(Money),
    InsufficientFunds(Money),
    /// The refund came first.
    Voided,
    /// The order has another payment.
    SecondPayment,
    /// A payment of this id exists with other contents or was made under another key.
    Exists,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        use http::StatusCode as S;
        match refusal {
            Refusal::UnknownAccount(id) => Self::new(
                S::NOT_FOUND,
                "unknown-account",
                format!("there is no account {id}"),
            )
            .field("account"),
            Refusal::CardBlocked => Self::new(
                S::PAYMENT_REQUIRED,
                "card-blocked",
                "the card of this account is blocked",
            )
            .field("account")
            .remedy("pay from another account"),
            Refusal::OtherCurrency(balance) => {
                let detail = format!("the account holds {}", balance.currency);
                Self::invalid("amount.currency", detail)
                    .remedy("charge in the currency of the account")
            }
            Refusal::InsufficientFunds(amount) => {
                let detail = format!("the account does not have {amount}");
                Self::new(S::PAYMENT_REQUIRED, "insufficient-funds", detail)
                    .field("account")
                    .remedy("order less")
            }
            Refusal::Voided => Self::new(
                S::CONFLICT,
                "payment-voided",
                "this payment was cancelled before it was taken",
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
        }
    }
}

/// A payment as others see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Payment {
    pub(crate) id: PaymentId,
    pub(crate) order: Option<OrderId>,
    pub(crate) account: Option<String>,
    pub(crate) amount: Option<Money>,
    pub(crate) status: &'static str,
}

/// The states of a payment.
pub(crate) mod status {
    /// The money was taken.
    pub(crate) const CAPTURED: &str = "captured";
    /// The money was taken and given back.
    pub(crate) const REFUNDED: &str = "refunded";
    /// The account did not pay.
    pub(crate) const REFUSED: &str = "refused";
    /// The refund came before the charge: a tombstone that keeps a late charge from happening.
    pub(crate) const VOIDED: &str = "voided";

    /// The constant of this name.
    pub(crate) fn named(name: &str) -> &'static str {
        [CAPTURED, REFUNDED, REFUSED, VOIDED]
            .into_iter()
            .find(|status| *status == name)
            .unwrap_or("unknown")
    }
}

#[cfg(test)]
mod tests {
    use shop_kit::money::Currency;

    use super::*;

    fn charge(minor: i64) -> Charge {
        Charge {
            id: PaymentId::generate(),
            order: OrderId::generate(),
            account: "cus_a".into(),
            amount: Money::new(minor, Currency::EUR),
        }
    }

    #[test]
    fn an_account_pays_what_it_has_and_not_a_cent_more() {
        let account = Account {
            id: "cus_a".into(),
            balance: Money::new(100, Currency::EUR),
            blocked: false,
        };
        assert_eq!(charge(100).decide(Some(&account)).unwrap().minor, 0);
        assert!(matches!(
            charge(101).decide(Some(&account)),
            Err(Refusal::InsufficientFunds(_))
        ));
        assert!(matches!(
            charge(i64::MAX).decide(Some(&account)),
            Err(Refusal::InsufficientFunds(_))
        ));
        assert!(matches!(
            charge(1).decide(None),
            Err(Refusal::UnknownAccount(_))
        ));
        let blocked = Account {
            blocked: true,
            ..account
        };
        assert_eq!(charge(1).decide(Some(&blocked)), Err(Refusal::CardBlocked));
    }

    #[test]
    fn nothing_and_less_than_nothing_cannot_be_charged() {
        for minor in [0, -1, i64::MIN] {
            let problem = charge(minor).validate().unwrap_err();
            assert_eq!(
                (problem.status, problem.field.as_deref()),
                (422, Some("amount.minor"))
            );
        }
    }
}

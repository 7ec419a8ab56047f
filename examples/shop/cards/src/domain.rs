//! What an authorization is and how it may change. No I/O.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shop_kit::{ids::PaymentId, money::Money, problem::Problem};

/// Whose money it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    /// What is free to be spent.
    pub(crate) balance: Money,
    /// It was reported stolen.
    pub(crate) blocked: bool,
}

/// The request to hold money. The merchant names the authorization, so that it can ask for one
/// whose answer it never saw.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorize {
    pub(crate) id: PaymentId,
    pub(crate) card: String,
    pub(crate) amount: Money,
}

impl Authorize {
    /// Checks what can be checked without a card.
    pub(crate) fn validate(&self) -> Result<(), Problem> {
        if self.amount.minor <= 0 {
            let detail = format!("the amount is {}", self.amount.minor);
            return Err(
                Problem::invalid("amount.minor", detail).remedy("hold at least 1 minor unit")
            );
        }
        Ok(())
    }

    /// Decides whether the card pays.
    pub(crate) fn decide(&self, card: Option<&Card>) -> Result<(), Decline> {
        let Some(card) = card else {
            let detail = format!("there is no card {}", self.card);
            return Err(Decline::new("unknown-card", detail));
        };
        let held = card.balance;
        if card.blocked {
            Err(Decline::new("card-blocked", "the card is blocked"))
        } else if held.currency != self.amount.currency {
            let detail = format!("the card holds {}", held.currency);
            Err(Decline::new("other-currency", detail))
        } else if held.minor < self.amount.minor {
            let detail = format!("the card does not have {}", self.amount);
            Err(Decline::new("insufficient-funds", detail))
        } else {
            Ok(())
        }
    }
}

/// Why a card does not pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Decline {
    pub(crate) code: String,
    pub(crate) detail: String,
}

impl Decline {
    fn new(code: &str, detail: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.into(),
        }
    }
}

/// An authorization as merchants see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Authorization {
    pub(crate) id: PaymentId,
    pub(crate) status: Status,
    /// None in a tombstone.
    pub(crate) card: Option<String>,
    pub(crate) amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decline: Option<Decline>,
}

impl Authorization {
    /// A refusal that shows what there is, so that the merchant need not ask for it.
    pub(crate) fn refusal(&self, status: StatusCode, kind: &str, detail: &str) -> Problem {
        let shown = serde_json::to_value(self).expect("an authorization is plain data");
        Problem::new(status, kind, detail).with("authorization", shown)
    }
}

/// The states of an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// The money is held.
    Authorized,
    /// The card did not pay.
    Declined,
    /// The money was taken.
    Captured,
    /// The money is free again, or was never held: a tombstone, which keeps a late authorization out.
    Voided,
    /// The money was taken and given back.
    Refunded,
}

impl Status {
    const ALL: [Self; 5] = [
        Self::Authorized,
        Self::Declined,
        Self::Captured,
        Self::Voided,
        Self::Refunded,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Declined => "declined",
            Self::Captured => "captured",
            Self::Voided => "voided",
            Self::Refunded => "refunded",
        }
    }

    /// The state of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// What becomes of the free, held and taken money of a card, in amounts, when an authorization
    /// comes from one state into another.
    pub(crate) fn moves(from: Option<Self>, to: Self) -> [i64; 3] {
        match (from, to) {
            (None, Self::Authorized) => [-1, 1, 0],
            (Some(Self::Authorized), Self::Captured) => [0, -1, 1],
            (Some(Self::Authorized), Self::Voided) => [1, -1, 0],
            (Some(Self::Captured), Self::Refunded) => [1, 0, -1],
            _ => [0, 0, 0],
        }
    }
}

/// What a merchant may do with an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Capture,
    Void,
    Refund,
}

impl Verb {
    /// The state that follows, or none if it is done already.
    ///
    /// # Errors
    /// It cannot be done; the text says why.
    pub(crate) fn on(self, status: Status) -> Result<Option<Status>, &'static str> {
        use Status as S;
        match (self, status) {
            (Self::Capture, S::Authorized) => Ok(Some(S::Captured)),
            (Self::Void, S::Authorized) => Ok(Some(S::Voided)),
            (Self::Refund, S::Captured) => Ok(Some(S::Refunded)),
            // Repeats, and what was undone another way.
            (Self::Capture, S::Captured | S::Refunded)
            | (Self::Void, S::Voided | S::Declined | S::Refunded)
            | (Self::Refund, S::Refunded) => Ok(None),
            (Self::Capture, S::Declined | S::Voided) => Err("nothing is held that could be taken"),
            (Self::Void, S::Captured) => Err("it was taken; refund it"),
            (Self::Refund, S::Authorized | S::Declined | S::Voided) => {
                Err("nothing was taken that could be given back")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shop_kit::money::Currency;

    use super::*;

    #[test]
    fn a_card_pays_what_it_has_and_not_a_cent_more() {
        let card = Card {
            balance: Money::new(100, Currency::EUR),
            blocked: false,
        };
        let code = |minor, card: Option<&Card>| {
            let request = Authorize {
                id: PaymentId::generate(),
                card: "c".into(),
                amount: Money::new(minor, Currency::EUR),
            };
            request.decide(card).map_err(|decline| decline.code)
        };
        assert_eq!(code(100, Some(&card)), Ok(()));
        let no = |why: &str| Err(why.to_owned());
        assert_eq!(code(101, Some(&card)), no("insufficient-funds"));
        assert_eq!(code(i64::MAX, Some(&card)), no("insufficient-funds"));
        assert_eq!(code(1, None), no("unknown-card"));
        let blocked = Card {
            blocked: true,
            ..card
        };
        assert_eq!(code(1, Some(&blocked)), no("card-blocked"));
    }

    #[test]
    fn whatever_is_done_money_only_changes_its_place_and_ends_where_the_status_says() {
        for verb in [Verb::Capture, Verb::Void, Verb::Refund] {
            for from in Status::ALL {
                let Ok(Some(to)) = verb.on(from) else {
                    continue;
                };
                let [free, held, taken] = Status::moves(Some(from), to);
                assert_eq!(free + held + taken, 0);
                assert_ne!([free, held, taken], [0, 0, 0], "{verb:?} of {from:?}");
                assert_eq!(verb.on(to), Ok(None), "a repeat changes nothing");
            }
        }
    }
}

//! The ledger, by double entry: every movement is a transfer from one account to another, so the sum
//! over all accounts of a currency is zero, always.
//!
//! | when the network has | debit | credit | in words |
//! |---|---|---|---|
//! | authorized | `customer:<id>:authorized` | `merchant:pending` | the customer's bank has promised it |
//! | voided | `merchant:pending` | `customer:<id>:authorized` | the promise is taken back |
//! | captured | `merchant:pending` | `customer:<id>:authorized` | the promise is kept: |
//! | | `network:receivable` | `merchant:revenue` | the network owes it, and we have earned it |
//! | refunded | `merchant:refunds` | `network:receivable` | it is given back, and stays visible |
//!
//! A debit is a positive entry, a credit a negative one. `network:receivable` is what the network has
//! to pay out: what it has taken from cards and not given back.

use shop_kit::money::Money;

use super::{Terms, Verb};

/// What the card network owes us.
pub(crate) const RECEIVABLE: &str = "network:receivable";
/// What we will earn if promises are kept.
pub(crate) const PENDING: &str = "merchant:pending";
/// What we have earned.
pub(crate) const REVENUE: &str = "merchant:revenue";
/// What of it we have given back.
pub(crate) const REFUNDS: &str = "merchant:refunds";

/// What the bank of this customer has promised.
pub(crate) fn authorized(customer: &str) -> String {
    format!("customer:{customer}:authorized")
}

/// Money that goes from one account to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) debit: String,
    pub(crate) credit: String,
    pub(crate) amount: Money,
}

/// What is booked when the network has done as it was asked.
pub(crate) fn book(verb: Verb, terms: &Terms) -> Vec<Transfer> {
    let transfer = |debit: &str, credit: &str| Transfer {
        debit: debit.to_owned(),
        credit: credit.to_owned(),
        amount: terms.amount,
    };
    let authorized = authorized(&terms.account);
    match verb {
        Verb::Authorize => vec![transfer(&authorized, PENDING)],
        Verb::Void => vec![transfer(PENDING, &authorized)],
        Verb::Capture => vec![
            transfer(PENDING, &authorized),
            transfer(RECEIVABLE, REVENUE),
        ],
        Verb::Refund => vec![transfer(REFUNDS, RECEIVABLE)],
    }
}

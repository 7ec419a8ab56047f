//! What the services answer, as far as it is checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use shop_kit::{events::Line, money::Money};

/// Something with an id. The things of an order carry its UUID.
pub(super) trait Row {
    fn id(&self) -> &str;

    /// The UUID of its order: the id without what says of which kind it is.
    fn order(&self) -> &str {
        self.id().split_once('_').map_or("", |(_, uuid)| uuid)
    }
}

/// Rows by the UUID of their order.
pub(super) type Rows<T> = BTreeMap<String, T>;

macro_rules! row {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        pub(super) struct $name {
            pub(super) id: String,
            pub(super) status: String,
            $($(#[$attribute])* pub(super) $field: $type),*
        }

        impl Row for $name {
            fn id(&self) -> &str {
                &self.id
            }
        }
    };
}

row!(
    /// An order, at the order service.
    Order { customer: String, lines: Vec<Line>, total: Option<Money> }
);
row!(
    /// A payment, at the payment service; without an account it is a tombstone.
    Payment { #[serde(default)] account: Option<String>, #[serde(default)] amount: Option<Money> }
);
row!(
    /// What the card network says of a payment.
    Authorization { card: Option<String>, amount: Option<Money> }
);
row!(
    /// What inventory set aside.
    Reservation { #[serde(default)] total: Option<Money>, lines: Vec<Line> }
);
row!(
    /// A parcel.
    Shipment {}
);

/// A card with its money, in minor units.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Card {
    pub(super) id: String,
    pub(super) currency: String,
    pub(super) seeded: i64,
    pub(super) balance: i64,
    pub(super) held: i64,
    pub(super) taken: i64,
}

/// The trial balance of payments.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Ledger {
    pub(super) accounts: Vec<Account>,
    pub(super) totals: Vec<Total>,
}

/// One account in one currency: debits minus credits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Account {
    pub(super) account: String,
    pub(super) currency: String,
    pub(super) balance: i64,
}

/// All accounts of a currency.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Total {
    pub(super) currency: String,
    pub(super) debits: i64,
    pub(super) credits: i64,
}

/// A product with its stock.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Product {
    pub(super) sku: String,
    pub(super) seeded: i64,
    pub(super) on_hand: i64,
    pub(super) reserved: i64,
    pub(super) shipped: i64,
}

/// Whether a status is one of these.
pub(super) fn is(status: &str, one_of: &[&str]) -> bool {
    one_of.contains(&status)
}

//! What must add up in one answer of one service, at any instant.

use std::collections::BTreeMap;

use super::{
    purse::{Purse, Purses},
    reading::Reading,
    rows::{Card, Ledger, Product},
};

/// The money of all cards, by currency.
pub(super) fn money(cards: &[Card]) -> Purses {
    let mut money = Purses::new();
    for card in cards {
        money
            .entry(card.currency.clone())
            .or_default()
            .add(card.purse());
    }
    money
}

/// The stock, by product.
pub(super) fn stock(products: &[Product]) -> Purses {
    let of = |product: &Product| (product.sku.clone(), product.purse());
    products.iter().map(of).collect()
}

/// What does not add up.
pub(super) fn wrong(reading: &Reading) -> Vec<String> {
    let cards = reading.cards.iter().filter(|card| !card.purse().is_right());
    let mut wrong: Vec<String> = cards
        .map(|card| format!("card {}: {}", card.id, card.purse()))
        .collect();
    let products = reading.products.iter();
    wrong.extend(
        products
            .filter(|product| !product.purse().is_right())
            .map(|product| format!("{}: {}", product.sku, product.purse())),
    );
    wrong.extend(ledger(&reading.ledger));
    // A service that answers nothing must not look like one where everything is in order.
    for (is_empty, what) in [
        (reading.cards.is_empty(), "the card network has no cards"),
        (reading.products.is_empty(), "inventory has no products"),
    ] {
        wrong.extend(is_empty.then(|| format!("{what}, so nothing can be said of them")));
    }
    wrong
}

/// Double entry: what is on one side is on the other, for promises and for what was taken.
fn ledger(ledger: &Ledger) -> Vec<String> {
    let unequal = ledger
        .totals
        .iter()
        .filter(|total| total.debits != total.credits);
    let mut wrong: Vec<String> = unequal
        .map(|total| {
            let (debits, credits) = (total.debits, total.credits);
            format!(
                "the ledger has {debits} debits and {credits} credits in {}",
                total.currency
            )
        })
        .collect();
    let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for line in &ledger.accounts {
        let side = match &*line.account {
            "merchant:pending" => "promises",
            "network:receivable" | "merchant:revenue" | "merchant:refunds" => "earnings",
            customer if customer.ends_with(":authorized") => "promises",
            _ => "unknown accounts",
        };
        *sums.entry((side, &line.currency)).or_default() += line.balance;
    }
    let unequal = sums.into_iter().filter(|(_, sum)| *sum != 0);
    wrong.extend(unequal.map(|((side, currency), sum)| {
        format!("the {side} in the ledger sum up to {sum} {currency} and not to 0")
    }));
    wrong
}

impl Card {
    fn purse(&self) -> Purse {
        Purse {
            seeded: self.seeded,
            free: self.balance,
            held: self.held,
            taken: self.taken,
        }
    }
}

impl Product {
    fn purse(&self) -> Purse {
        Purse {
            seeded: self.seeded,
            free: self.on_hand,
            held: self.reserved,
            taken: self.shipped,
        }
    }
}

//! Sums over lists that did not change while they were read, compared with what others count.

use std::collections::BTreeMap;

use shop_kit::money::Money;

use super::{
    purse::Purse,
    reading::Reading,
    rows::{Ledger, Reservation, Rows, is},
    within,
};

/// What could be compared, and what does not agree.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// The ledger of payments, the network's authorizations and its cards stood still.
    pub(super) is_money_still: bool,
    /// Inventory stood still.
    pub(super) is_stock_still: bool,
    pub(super) wrong: Vec<String>,
}

pub(super) fn compare(reading: &Reading) -> Sums {
    let (before, after) = (&reading.before, &reading.after);
    let mut sums = Sums::default();
    if before.authorizations == after.authorizations {
        let held = |status: &str| {
            let rows = after.authorizations.values();
            by_currency(
                rows.filter(|row| row.status == status)
                    .map(|row| row.amount),
            )
        };
        let (cards, of) = (within::money(&reading.cards), |money: &Purse| money.held);
        let on_cards = |of: fn(&Purse) -> i64| -> BTreeMap<String, i64> {
            let sums = cards
                .iter()
                .map(|(currency, purse)| (currency.clone(), of(purse)));
            sums.filter(|(_, sum)| *sum != 0).collect()
        };
        sums.agree(
            "held on cards",
            &on_cards(of),
            "authorized",
            &held("authorized"),
        );
        let taken = on_cards(|money| money.taken);
        sums.agree("taken from cards", &taken, "captured", &held("captured"));
        let is_under_way = |status: &str| status.ends_with("ing");
        let mut payments = after.payments.values();
        if before.payments == after.payments && !payments.any(|row| is_under_way(&row.status)) {
            sums.is_money_still = true;
            let ledger = &reading.ledger;
            let promised = balance(ledger, |account| account.ends_with(":authorized"));
            sums.agree(
                "promised in the ledger",
                &promised,
                "authorized",
                &held("authorized"),
            );
            let owed = balance(ledger, |account| account == "network:receivable");
            sums.agree("owed by the network", &owed, "captured", &held("captured"));
        }
    }
    if before.reservations == after.reservations {
        sums.is_stock_still = true;
        let stock = within::stock(&reading.products);
        for (what, statuses, of) in [
            (
                "set aside",
                "held",
                (|stock| stock.held) as fn(&Purse) -> i64,
            ),
            ("gone", "committed", |stock| stock.taken),
        ] {
            let counted = stock.iter().map(|(sku, purse)| (sku.clone(), of(purse)));
            let counted = counted.filter(|(_, count)| *count != 0).collect();
            sums.agree(
                what,
                &counted,
                "reserved",
                &pieces(&after.reservations, statuses),
            );
        }
    }
    sums
}

impl Sums {
    fn agree(
        &mut self,
        what: &str,
        one: &BTreeMap<String, i64>,
        as_what: &str,
        other: &BTreeMap<String, i64>,
    ) {
        if one != other {
            let line = format!("{what} are {one:?}, and {as_what} {other:?}");
            self.wrong.push(line);
        }
    }
}

fn by_currency(amounts: impl Iterator<Item = Option<Money>>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for amount in amounts.flatten() {
        *sums.entry(amount.currency.to_string()).or_default() += amount.minor;
    }
    sums
}

fn balance(ledger: &Ledger, account: impl Fn(&str) -> bool) -> BTreeMap<String, i64> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for line in ledger.accounts.iter().filter(|line| account(&line.account)) {
        *sums.entry(line.currency.clone()).or_default() += line.balance;
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

fn pieces(reservations: &Rows<Reservation>, status: &str) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    let rows = reservations
        .values()
        .filter(|row| is(&row.status, &[status]));
    for line in rows.flat_map(|row| &row.lines) {
        *sums.entry(line.product.clone()).or_default() += line.quantity;
    }
    sums
}

//! What the books say, for people and for programs.

use serde_json::{Value, json};

use super::{
    books::Books,
    purse::{Purse, Purses},
};

pub(super) fn lines(books: &Books) {
    let Books {
        orders,
        money,
        stock,
        readings,
        ..
    } = books;
    for (currency, purse) in money {
        say!("money   {currency:<10} {purse}");
    }
    for (sku, purse) in stock {
        say!("stock   {sku:<10} {purse}");
    }
    let orders: Vec<_> = orders
        .iter()
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    say!("orders  {}", orders.join(", "));
    for (is_compared, what, with) in [
        (books.is_money_compared, "the ledger", "the card network"),
        (books.is_stock_compared, "the stock", "its reservations"),
    ] {
        let how = if is_compared {
            "agrees with"
        } else {
            "moves, and could not be compared with"
        };
        if books.wrong.is_empty() || !is_compared {
            say!("sums    {what} {how} {with}");
        }
    }
    if books.open() > 0 {
        let open = books.open();
        say!(
            "open    {open} orders are under way; of them only what holds at any instant was checked"
        );
    }
    for wrong in &books.wrong {
        say!("WRONG   {wrong}");
    }
    if books.wrong.is_empty() {
        say!("No money and no stock was lost or doubled; read {readings} times.");
    }
}

pub(super) fn json(books: &Books) -> Value {
    json!({
        "right": books.wrong.is_empty(),
        "wrong": books.wrong,
        "open": books.open(),
        "settled": books.is_settled(),
        "readings": books.readings,
        "orders": books.orders,
        "money": purses(&books.money),
        "stock": purses(&books.stock),
        "compared": { "money": books.is_money_compared, "stock": books.is_stock_compared },
    })
}

fn purses(purses: &Purses) -> Value {
    let one = |purse: &Purse| json!({ "seeded": purse.seeded, "free": purse.free, "held": purse.held, "taken": purse.taken });
    purses
        .iter()
        .map(|(name, purse)| (name.clone(), one(purse)))
        .collect()
}

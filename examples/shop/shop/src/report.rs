//! The table at the end.

use crate::{check::Books, customers::Seen};

/// Prints what customers saw and what the books say.
pub(crate) fn print(seen: &Seen, books: &Books) {
    println!();
    println!("What customers saw");
    row("confirmed at once (201)", seen.confirmed);
    row("accepted as pending (202)", seen.pending);
    row("refused (402, 409)", seen.refused);
    row("failed (5xx, no answer)", seen.failed.len());
    row("repeats with the same answer", seen.same_again);
    row("cancellations", seen.cancellations);
    println!();
    println!("What the books say");
    for (status, count) in &books.orders {
        row(&format!("orders {status}"), count);
    }
    let sum = |left: String, right: String, all: String| format!("{left} + {right} = {all}");
    row(
        "money left + taken = seeded",
        sum(
            euro(books.balances),
            euro(books.captured),
            euro(books.seeded),
        ),
    );
    row(
        "stock free + reserved = seeded",
        sum(
            books.stock_free.to_string(),
            books.stock_reserved.to_string(),
            books.stock_seeded.to_string(),
        ),
    );
    println!();
    for wrong in &books.wrong {
        println!("WRONG  {wrong}");
    }
}

fn row(what: &str, value: impl std::fmt::Display) {
    println!("  {what:<31} {value}");
}

fn euro(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

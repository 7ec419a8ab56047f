//! The table at the end.

use std::time::Duration;

use tokio::time::Instant;

use crate::{check::Books, customers::Seen, layers::Heard};

/// When the payment service was away.
#[derive(Debug)]
pub(crate) struct Outage {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
}

/// Prints what customers saw, what the layers did and what the books say.
pub(crate) fn print(seen: &Seen, books: &Books, outage: &Outage, layers: &[Heard]) {
    println!();
    println!("What customers saw");
    row("confirmed at once (201)", seen.confirmed);
    row("accepted as pending (202)", seen.pending);
    row("refused (402, 409)", seen.refused);
    row("failed (5xx, no answer)", seen.failed.len());
    row("repeats with the same answer", seen.same_again);
    row("cancellations", seen.cancellations);
    let Outage { began, ended } = *outage;
    row(
        "slowest answer before the outage",
        time(seen.slowest(..began)),
    );
    row("slowest answer during it", time(seen.slowest(began..ended)));
    row("slowest answer after it", time(seen.slowest(ended..)));
    for heard in layers {
        print_layers(heard, outage);
    }
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

fn print_layers(heard: &Heard, outage: &Outage) {
    let peer = &heard.peer;
    let retry = peer.retry.snapshot();
    println!();
    println!("What the layers did, orders -> {}", peer.name);
    row("calls", retry.calls);
    row("retries made", retry.retries);
    row("refused by the open circuit", heard.refused());
    row("refused by the bulkhead", peer.bulkhead.snapshot().refused);
    if let Some(open) = heard.first("open", outage.began) {
        row(
            "from the kill to circuit open",
            seconds(open - outage.began),
        );
    }
    // Before the return it cannot close: nobody is there to answer its probes.
    if let Some(closed) = heard.first("closed", outage.began) {
        let took = closed.saturating_duration_since(outage.ended);
        row("from the return to circuit closed", seconds(took));
    }
}

fn row(what: &str, value: impl std::fmt::Display) {
    println!("  {what:<34} {value}");
}

fn euro(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn time(duration: Option<Duration>) -> String {
    duration.map_or("-".to_owned(), |time| format!("{} ms", time.as_millis()))
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

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
    say!();
    say!("What customers saw");
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
    say!();
    print_layers(layers, outage);
    say!();
    say!("What the books say");
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
    say!();
    for wrong in &books.wrong {
        say!("WRONG  {wrong}");
    }
}

/// One column for each peer.
fn print_layers(layers: &[Heard], outage: &Outage) {
    let columns = |value: &dyn Fn(&Heard) -> String| -> String {
        layers
            .iter()
            .map(|heard| format!("{:<12}", value(heard)))
            .collect()
    };
    say!("What the layers did between orders and ...");
    row("", columns(&|heard| heard.peer.name.to_owned()));
    row(
        "calls",
        columns(&|heard| heard.peer.retry.snapshot().calls.to_string()),
    );
    row(
        "retries",
        columns(&|heard| heard.peer.retry.snapshot().retries.to_string()),
    );
    row(
        "refused by the bulkhead",
        columns(&|heard| heard.peer.bulkhead.snapshot().refused.to_string()),
    );
    row(
        "refused by the circuit breaker",
        columns(&|heard| heard.refused().to_string()),
    );
    row(
        "from the kill to circuit open",
        columns(&|heard| seconds(heard.first("open", outage.began), outage.began)),
    );
    // Before the return it cannot close: nobody is there to answer its probes.
    row(
        "from the return to circuit closed",
        columns(&|heard| seconds(heard.first("closed", outage.began), outage.ended)),
    );
}

fn row(what: &str, value: impl std::fmt::Display) {
    say!("{}", format!("  {what:<34} {value}").trim_end());
}

fn euro(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn time(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()))
}

fn seconds(moment: Option<Instant>, since: Instant) -> String {
    moment.map_or_else(
        || "-".to_owned(),
        |moment| {
            let took = moment.saturating_duration_since(since);
            format!("{:.1} s", took.as_secs_f64())
        },
    )
}

//! The table at the end.

use std::time::Duration;

use shop_kit::stack::ServerHandles;
use tokio::time::Instant;

use crate::{
    audit::Audit,
    check::{Books, Purse},
    customers::Seen,
    layers::{Heard, caller},
    phases::{Phase, Phases},
    promises::Crowds,
};

/// Prints what customers saw and what the layers did.
pub(crate) fn print(seen: &Seen, phases: &Phases, layers: &[Heard], edge: &ServerHandles) {
    say!();
    say!("What customers saw");
    row("confirmed at once (201)", seen.confirmed);
    row("accepted as pending (202)", seen.pending);
    row("refused (402, 409)", seen.refused);
    row("failed (5xx, no answer)", seen.failed.len());
    row("repeats with the same answer", seen.same_again);
    row("cancellations", seen.cancellations);
    row(
        "hung up, and their order went on",
        format!("{}, {}", seen.hung_up, edge.detach.snapshot().total),
    );
    let Phases {
        payments,
        inventory,
        flood,
    } = phases;
    let slowest = |during: &Phase| time(seen.slowest(during.began..during.ended));
    row(
        "slowest answer at first",
        time(seen.slowest(..payments.began)),
    );
    row("slowest while payments fails", slowest(payments));
    row("slowest while inventory is away", slowest(inventory));
    row("slowest in the flood", slowest(flood));
    say!();
    print_layers(layers, phases);
    say!();
}

/// Prints what the books say, what was said of them meanwhile, and how many webhooks the network sent and
/// how many of them twice.
pub(crate) fn print_books(books: &Books, audit: &Audit, (webhooks, twice): (u64, u64)) {
    say!("What the books say");
    for (status, count) in &books.orders {
        row(&format!("orders {status}"), count);
    }
    let sum = |left: String, right: String, all: String| format!("{left} + {right} = {all}");
    for purse in books.money.values() {
        row(
            "money free + taken = seeded",
            sum(
                euro(purse.free),
                euro(purse.held + purse.taken),
                euro(purse.seeded),
            ),
        );
    }
    row(
        "webhooks of cards, sent twice",
        format!("{webhooks}, {twice}"),
    );
    let stock =
        |of: fn(&Purse) -> i64| -> String { books.stock.values().map(of).sum::<i64>().to_string() };
    row(
        "stock free + reserved = seeded",
        sum(
            stock(|purse| purse.free),
            stock(|purse| purse.held + purse.taken),
            stock(|purse| purse.seeded),
        ),
    );
    row(
        "checked meanwhile, and not readable",
        format!("{}, {}", audit.checked, audit.unread),
    );
    say!();
    for wrong in &books.wrong {
        say!("WRONG  {wrong}");
    }
}

/// One column for each peer.
fn print_layers(layers: &[Heard], phases: &Phases) {
    let outage = |heard: &Heard| match heard.peer.name {
        "payments" | "cards" => phases.payments,
        _ => phases.inventory,
    };
    let line = |what: &str, value: &dyn Fn(&Heard) -> String| {
        let columns = layers.iter().map(|heard| format!("{:<11} ", value(heard)));
        row(what, columns.collect::<String>());
    };
    say!("What the layers did between ...");
    line("", &|heard| caller(heard.peer.name).to_owned());
    line("... and", &|heard| heard.peer.name.to_owned());
    line("calls", &|heard| {
        heard.peer.retry.snapshot().calls.to_string()
    });
    line("retries", &|heard| {
        heard.peer.retry.snapshot().retries.to_string()
    });
    line("reads asked for twice, and won", &|heard| {
        let hedge = heard.peer.hedge.snapshot();
        format!("{}, {}", hedge.hedges, hedge.won)
    });
    line("answered by an older answer", &|heard| {
        heard.peer.fallback.snapshot().stale.to_string()
    });
    line("refused by the circuit breaker", &|heard| {
        heard.refused().to_string()
    });
    line("from the fault to circuit open", &|heard| {
        let began = outage(heard).began;
        seconds(heard.first("open", began), began)
    });
    // Before the end it cannot close: nobody is there to answer its probes.
    line("from its end to circuit closed", &|heard| {
        let Phase { began, ended } = outage(heard);
        seconds(heard.first("closed", began), ended)
    });
    line("refused for want of a place", &|heard| {
        let refused = heard.peer.adaptive.snapshot().refused;
        (refused + heard.peer.bulkhead.snapshot().refused).to_string()
    });
    line("places", &|heard| {
        let found = heard.peer.adaptive.config().enabled;
        let known = heard.peer.bulkhead.config().max_concurrent;
        if found {
            path(heard)
        } else {
            known.to_string()
        }
    });
}

/// The way of the adaptive limit: every value if there are few, else the ends and the extremes.
fn path(heard: &Heard) -> String {
    let limits = heard.limits();
    let words = |limits: &[usize]| {
        let words: Vec<_> = limits.iter().map(ToString::to_string).collect();
        words.join(" > ")
    };
    match limits[..] {
        [] => heard.peer.adaptive.snapshot().limit.to_string(),
        [first, .., last] if limits.len() > 6 => {
            let ends = limits.iter().min().zip(limits.iter().max());
            let (low, high) = ends.unwrap_or((&first, &last));
            format!("{first} > {last}, from {low} to {high}")
        }
        _ => words(&limits),
    }
}

/// What those saw who looked around, and what came through beside them.
pub(crate) fn print_crowds(crowds: &Crowds, seen: &Seen, flood: &Phase) {
    say!("What those saw who looked around");
    let all = [&crowds.visitors, &crowds.crowd, &crowds.scraper].map(|one| one.seen());
    let columns = |values: [String; 3]| -> String {
        values.iter().map(|value| format!("{value:<12}")).collect()
    };
    let names = ["visitors", "the crowd", "the scraper"];
    row("", columns(names.map(str::to_owned)));
    let count = |what: &str, count: fn(&crate::visitors::Pages) -> usize| {
        row(
            what,
            columns(all.each_ref().map(|pages| count(pages).to_string())),
        );
    };
    count("pages", |pages| pages.fresh);
    count("older pages, marked", |pages| pages.older);
    count("shed (503)", |pages| pages.shed);
    count("told to come back (429)", |pages| pages.limited);
    count("failed", |pages| pages.failed.len());
    let orders = seen.sent(flood.began..flood.ended);
    row(
        "orders in the flood, and shed",
        format!("{orders}, {}", seen.shed),
    );
    say!();
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

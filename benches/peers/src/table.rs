//! The table.

use std::fmt::Write;

use crate::{Case, Ours, Outcome, versions};

const HEAD: &str = "# Peers fail, ours holds\n\n\
`cargo run -p peers` drives each situation through the crate where it was found and through\n\
tower-keep, and prints this table; `BLESS=1 cargo run -p peers` writes it. Nothing in the columns of\n\
results is written by hand: a peer that holds one day is shown to hold. `cargo test -p peers` fails\n\
where ours does not, unless the table says why.\n\n\
`E..` was measured over axum, tower and hyper, `W..` is a weakness of tower-resilience. E7, E8 and E13\n\
were never given out. Peers are driven in paused time where they follow tokio's clock, and for\n\
milliseconds where they ask the operating system; ours always in paused time, but for sockets.\n\n\
| | situation | peer | the peer | tower-keep |\n|---|---|---|---|---|\n";

/// One row a peer: markdown cells.
#[must_use]
pub fn rows(case: &Case) -> Vec<String> {
    let ours = match case.ours {
        Ours::Run(run) => verdict(&run()),
        Ours::Known(run, why) => format!("{} ({why})", verdict(&run())),
        Ours::NotRun(why) => format!("not run: {why}"),
    };
    let peers = case.peers.iter().map(|peer| {
        let result = peer
            .run()
            .map_or_else(|why| format!("not run: {why}"), |seen| verdict(&seen));
        format!("{} {} | {result}", peer.package, versions::of(peer.package))
    });
    let peers: Vec<_> = peers.collect();
    peers
        .iter()
        .map(|peer| format!("| {} | {} | {peer} | {ours} |", case.id, case.situation))
        .collect()
}

fn verdict(outcome: &Outcome) -> String {
    let word = if outcome.holds { "holds" } else { "**fails**" };
    format!("{word}: {}", outcome.saw.replace('|', "\\|"))
}

/// The page.
#[must_use]
pub fn readme(rows: &[String]) -> String {
    let mut page = String::from(HEAD);
    for row in rows {
        writeln!(page, "{row}").expect("a string takes all");
    }
    page
}

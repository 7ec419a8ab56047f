//! What `BLESS=1` writes: the page of the results, its pictures, and the short form in the README.

use std::{fmt::Write, fs, io, path::Path};

use crate::{contenders, plot, table, table::Result};

/// The scenarios that have a picture; the first two are in the README.
const PICTURED: [&str; 5] = ["storm", "outage", "brown-out", "readers", "chain"];

/// Writes all of it.
///
/// # Errors
/// If a file cannot be read or written.
///
/// # Panics
/// If the README has lost its markers.
pub fn write(results: &[Result], detection: &str, shares: &str) -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(here.join("pictures"))?;
    for result in pictured(results) {
        let file = format!("pictures/{}.svg", result.scenario.id);
        fs::write(here.join(file), plot::svg(result))?;
    }
    fs::write(here.join("README.md"), page(results, detection, shares))?;
    let readme = here.join("../../README.md");
    let text = fs::read_to_string(&readme)?;
    let (before, rest) = text.split_once(BEGIN).expect("the README has the marker");
    let (_, after) = rest
        .split_once(END)
        .expect("the README has the marker's end");
    let mut short = table::short(results);
    for result in pictured(results).take(2) {
        let scenario = &result.scenario;
        let _ = write!(
            short,
            "\n![{}](benches/outcomes/pictures/{}.svg)\n",
            scenario.title, scenario.id
        );
    }
    fs::write(readme, format!("{before}{BEGIN}\n{short}{END}{after}"))
}

const BEGIN: &str = "<!-- outcomes: written by BLESS=1 cargo bench --bench outcomes -->";
const END: &str = "<!-- /outcomes -->";

fn pictured(results: &[Result]) -> impl Iterator<Item = &Result> {
    PICTURED
        .iter()
        .filter_map(|id| results.iter().find(|result| result.scenario.id == *id))
}

/// The page of the results.
#[must_use]
pub fn page(results: &[Result], detection: &str, shares: &str) -> String {
    let mut page = HEAD.to_owned();
    for contender in contenders::all() {
        let _ = writeln!(page, "| {} | {} |", contender.name(), contender.layers());
    }
    page += MEASURES;
    for result in results {
        let scenario = &result.scenario;
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\n{}",
            capital(scenario.title),
            scenario.what,
            table::of(result)
        );
        if PICTURED.contains(&scenario.id) {
            let _ = write!(
                page,
                "\n![{}](pictures/{}.svg)\n",
                scenario.title, scenario.id
            );
        }
    }
    page + DETECTION + detection + SHARES + shares
}

fn capital(title: &str) -> String {
    let (first, rest) = title.split_at(1);
    first.to_uppercase() + rest
}

const HEAD: &str = "# Who stands under overload and failure

Written by `BLESS=1 cargo bench --bench outcomes`; without `BLESS` it only prints. Real layers, and a
simulation around them (`tower_keep_test::sim`): virtual time, chance from a seed, so each run is the same
run. `SIM_SEED=2 cargo bench --bench outcomes` is another one.

Calls come by chance at a rate that does not depend on what becomes of them (an open loop). A service has
workers, a queue without an end, and works on what it has read, also for those who have gone. All
contenders meet the same customers at the same moments, and have the same deadlines, attempts and limits:
2 s for a call (5 s with quotas), 500 ms for an attempt, three attempts, 64 calls at once for each client,
and for servers one and a half times the number of their workers, where a number is wanted.

| | layers, outside in |
|---|---|
";

const MEASURES: &str = "
tower-resilience's breaker, retry budget and outlier detection read the clock of std, which no pause moves.
So its simulations are paced: virtual time passes 20 times as fast as real time, and these three get
durations that are 20 times shorter. Everything else in them is as for the others; but scheduling is
chance, so its numbers differ a little from run to run.

| column | is |
|---|---|
| good/s | complete good answers in time, a second, while there was trouble |
| p50, p99 | of these answers |
| upstream for each | calls that the service was sent, for each call of a customer, from the beginning of the trouble to its end, at least for 10 s |
| protected after | from the beginning of the trouble until, for a second, 95 % of those who come get an answer, good or bad, within a quarter of their patience |
| recovered after | from the end of the trouble until, for a second and for five, 95 % get a good answer in time |
| work for nobody | the share of the service's work for answers that nobody waited for |
| errors seen | calls of customers that failed or were given up, from the beginning to the end of the simulation |
";

const DETECTION: &str = "
## How soon is it noticed?

One client, 50 calls a second that are refused from one moment to the next, or 100 a second of which half
fail, after different times in which all was well: calls sent until the first pause of 400 ms, and how long
that took. tower-resilience only has the first uptime, as its time cannot be made to pass faster.

";

const SHARES: &str = "
## How large a share of failures is noticed?

The default breaker, 100 calls a second of which a share fails by chance, after a window full of good ones:
in how many of 200 runs it opens within 2 s, and how long that takes. And how often an hour it opens where
the same share has always failed, which is a promise: `failure_rate` is a half, so it is not to open below
that. By the rate alone (the whole window, and `early`, its shorter way), and with ten failures in a row,
which are just bad luck now and then. `cargo bench --bench outcomes -- noticing` makes this table alone.

No rule can do both by looking at what fails now: one that opens within 2 s in 95 of 100 cases when half of
the calls fail opens at least as often as the last column says where they always fail a little less. (Neyman
and Pearson: nothing parts the two better than to count the failures among those 200 calls.) A rule that
insists on half of those seen is late in one of four cases, and opened 170 times an hour at 40 % all the
same, by a second that looked like it. So what is judged early is only what was well before: where the rest
of the window failed too, by more than a quarter of the rate, the whole window decides. What is left is
that a service that begins to fail at 45 % is taken for one that fails at 50 %, for once.

";

//! What came of it, as Markdown.

use std::{fmt::Write, time::Duration};

use tower_keep_test::sim::{Measured, Report};

use crate::{contenders, scenarios::Scenario};

/// A scenario and what became of each contender, in their order.
#[derive(Debug)]
pub struct Result {
    /// What happened.
    pub scenario: Scenario,
    /// What came of it.
    pub reports: Vec<Report>,
}

/// One table: the measures of each contender.
#[must_use]
pub fn of(result: &Result) -> String {
    let scenario = &result.scenario;
    let mut text = format!(
        "| {} | good/s | p50 | p99 | upstream for each | protected after | recovered after | work for nobody | errors seen |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        scenario.title
    );
    for (contender, report) in contenders::all().iter().zip(&result.reports) {
        let during = report.during();
        let shown = report.only(scenario.customers);
        let _ = writeln!(
            text,
            "| {} | {:.1} | {} | {} | {:.2} | {} | {} | {:.0} % | {} |",
            contender.name(),
            shown.goodput(during.clone()),
            latency(shown.p50(during.clone())),
            latency(shown.p99(during)),
            report.amplification(),
            shown.time_to_protect().read_out(),
            shown.time_to_recover().read_out(),
            100.0 * report.wasted(),
            shown.errors(),
        );
    }
    text
}

/// One table of all scenarios: goodput in the trouble, calls upstream for each call, time to recover.
#[must_use]
pub fn short(results: &[Result]) -> String {
    let names = contenders::all().map(|contender| contender.name());
    let mut text = format!(
        "| good/s · upstream for each · recovered | {} |\n",
        names.join(" | ")
    );
    text += "|---|--:|--:|--:|--:|--:|\n";
    for Result { scenario, reports } in results {
        let _ = write!(text, "| {} |", scenario.title);
        for report in reports {
            let shown = report.only(scenario.customers);
            let _ = write!(
                text,
                " {:.0} · {:.1} · {} |",
                shown.goodput(report.during()),
                report.amplification(),
                shown.time_to_recover().read_out(),
            );
        }
        text.push('\n');
    }
    text
}

fn latency(time: Duration) -> String {
    if time.is_zero() {
        "–".to_owned()
    } else {
        time.read_out()
    }
}

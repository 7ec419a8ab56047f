//! Goodput over time, as a picture that is readable on a light and on a dark page.

use std::{fmt::Write, time::Duration};

use tower_keep_test::sim::Report;

use crate::{contenders, table::Result};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 32.0;
const STEP: Duration = Duration::from_secs(1);

/// For light pages and for dark ones, in the order of the contenders.
const COLOURS: [(&str, &str); 5] = [
    ("#8c959f", "#6e7681"),
    ("#cf222e", "#ff7b72"),
    ("#bf8700", "#d29922"),
    ("#8250df", "#bc8cff"),
    ("#0969da", "#58a6ff"),
];

/// Good answers a second over the time of the simulation.
#[must_use]
pub fn svg(result: &Result) -> String {
    let scenario = &result.scenario;
    let lines: Vec<Vec<f64>> = result.reports.iter().map(goodput).collect();
    let most = lines
        .iter()
        .flatten()
        .copied()
        .fold(scenario.capacity.min(400.0), f64::max)
        * 1.05;
    let seconds = lines.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let x = |second: f64| LEFT + (WIDTH - LEFT - RIGHT) * second / seconds;
    let y = |rate: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * rate / most;
    let mut svg = head(scenario.title);
    let fault = scenario.sim.trouble();
    let (from, to) = (x(fault.start.as_secs_f64()), x(fault.end.as_secs_f64()));
    let _ = writeln!(
        svg,
        r#"<rect class="fault" x="{from:.1}" y="{TOP}" width="{:.1}" height="{:.1}"/>"#,
        to - from,
        HEIGHT - TOP - BOTTOM
    );
    for rate in (0..)
        .map(|n| f64::from(n) * 50.0)
        .take_while(|rate| *rate <= most)
    {
        let at = y(rate);
        let end = WIDTH - RIGHT;
        let _ = writeln!(svg, r#"<path class="grid" d="M{LEFT} {at:.1}H{end}"/>"#);
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{rate}</text>"#,
            LEFT - 6.0,
            at + 4.0
        );
    }
    for second in (0..=seconds as usize).step_by(10) {
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{second} s</text>"#,
            x(second as f64),
            HEIGHT - 12.0
        );
    }
    for (at, line) in lines.iter().enumerate() {
        let mut path = String::new();
        for (second, rate) in line.iter().enumerate() {
            let command = if second == 0 { 'M' } else { 'L' };
            let _ = write!(
                path,
                "{command}{:.1} {:.1}",
                x(second as f64 + 0.5),
                y(*rate)
            );
        }
        let _ = writeln!(svg, r#"<path class="line c{at}" d="{path}"/>"#);
    }
    for (at, contender) in contenders::all().iter().enumerate() {
        let left = LEFT + at as f64 * 132.0;
        let _ = writeln!(svg, r#"<path class="line c{at}" d="M{left} 40h18"/>"#);
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="44">{}</text>"#,
            left + 23.0,
            contender.name()
        );
    }
    svg + "</svg>\n"
}

fn goodput(report: &Report) -> Vec<f64> {
    let steps = report.series(STEP);
    steps.iter().map(|step| step.good as f64).collect()
}

fn head(title: &str) -> String {
    let mut light = String::new();
    let mut dark = String::new();
    for (at, (on_light, on_dark)) in COLOURS.iter().enumerate() {
        let _ = write!(light, ".c{at}{{stroke:{on_light}}}");
        let _ = write!(dark, ".c{at}{{stroke:{on_dark}}}");
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Good answers a second: {title}">
<style>
text{{font:12px system-ui,sans-serif;fill:#57606a}}
.title{{font-size:14px;font-weight:600;fill:#24292f}}
.grid{{stroke:#d0d7de;stroke-width:1}}
.fault{{fill:#cf222e;opacity:.08}}
.line{{fill:none;stroke-width:1.5;stroke-linejoin:round}}
.c4{{stroke-width:3}}
{light}
@media (prefers-color-scheme:dark){{text{{fill:#8b949e}}.title{{fill:#e6edf3}}.grid{{stroke:#30363d}}.fault{{opacity:.2}}{dark}}}
</style>
<text class="title" x="{LEFT}" y="22">Good answers a second: {title}</text>
"##
    )
}

use std::fmt::Write;

use super::{Row, table::short};

/// What is in the picture, and how it is called there.
const GROUPS: [(&str, &str); 8] = [
    ("circuit_breaker/admitted/u64", "circuit breaker"),
    ("bulkhead/admitted/u64", "bulkhead"),
    ("rate_limit/admitted/u64", "rate limit"),
    ("timeout/admitted/u64", "timeout"),
    ("retry/admitted/u64", "retry with a budget"),
    ("hedge/admitted/u64", "hedge"),
    ("correlation_id/admitted/http", "correlation id"),
    ("five/admitted/u64", "five layers"),
];

const WIDTH: f64 = 760.0;
const LEFT: f64 = 290.0;
const RIGHT: f64 = 70.0;
const BAR: f64 = 16.0;

/// Colours for a page that is light or dark; the numbers are beside the bars.
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#24292f}\
.head{font-weight:600}.small{font-size:11px;fill:#57606a}\
.grid{stroke:#d0d7de;stroke-width:1}.ours{fill:#1a7f37}.other{fill:#8c959f}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}\
.grid{stroke:#3d444d}.ours{fill:#3fb950}.other{fill:#6e7681}}";

/// Bars on a scale on which each step is ten times the last.
#[must_use]
pub fn picture(rows: &[Row]) -> String {
    let mut body = String::new();
    let mut y = 64.0;
    let shown = |row: &&Row| GROUPS.iter().any(|(what, _)| row.what() == *what);
    let most = rows.iter().filter(shown).map(|row| row.added_ns);
    let most = most.fold(100.0, f64::max);
    let decades = most.log10().ceil();
    let x = |ns: f64| LEFT + (WIDTH - LEFT - RIGHT) * (ns.max(1.0).log10() / decades);
    let top = y - 14.0;
    for (what, name) in GROUPS {
        let here: Vec<&Row> = rows.iter().filter(|row| row.what() == what).collect();
        if here.is_empty() {
            continue;
        }
        let _ = writeln!(
            body,
            "<text class=\"head\" x=\"8\" y=\"{:.0}\">{name}</text>",
            y + 12.0
        );
        for row in here {
            let class = if row.is_ours() { "ours" } else { "other" };
            let width = (x(row.added_ns) - LEFT).max(2.0);
            let _ = writeln!(
                body,
                "<text text-anchor=\"end\" x=\"{:.0}\" y=\"{:.0}\">{}</text>\
                 <rect class=\"{class}\" x=\"{LEFT:.0}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{:.0}\" rx=\"2\"/>\
                 <text x=\"{:.0}\" y=\"{:.0}\">{} ns</text>",
                LEFT - 8.0,
                y + 12.0,
                row.whose,
                BAR - 3.0,
                LEFT + width + 6.0,
                y + 12.0,
                short(row.added_ns.max(0.0)),
            );
            y += BAR;
        }
        y += 12.0;
    }
    let mut grid = String::new();
    for decade in 0..=decades as i32 {
        let ns = 10_f64.powi(decade);
        let _ = writeln!(
            grid,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{top:.0}\" y2=\"{y:.0}\"/>\
             <text class=\"small\" text-anchor=\"middle\" x=\"{0:.1}\" y=\"{1:.0}\">{ns} ns</text>",
            x(ns),
            top - 6.0,
        );
    }
    let height = y + 8.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" \
         role=\"img\" aria-label=\"What a layer adds to a call\">\n<style>{STYLE}</style>\n\
         <text class=\"head\" x=\"8\" y=\"20\">What a layer adds to a call that it lets through</text>\n\
         <text class=\"small\" x=\"8\" y=\"38\">less is better, each line is ten times the last</text>\n\
         {grid}{body}</svg>\n"
    )
}

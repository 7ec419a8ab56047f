use std::fmt::Write;

use super::Row;

/// A table for a terminal.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:28} {:28} {:>8} {:>17} {:>8} {:>7} {:>14} {:>7} {:>7}\n",
        "what",
        "whose",
        "ns",
        "half are in",
        "added",
        "x ours",
        "allocs / bytes",
        "service",
        "future"
    );
    let mut last = String::new();
    for row in rows {
        let what = row.what();
        if what != last {
            text.push('\n');
        }
        let ratio = row.times_ours.map_or(String::new(), |x| short(x.median));
        let allocations = match row.allocations {
            None => "-".to_owned(),
            Some((count, bytes)) => format!("{count} / {bytes}"),
        };
        let _ = writeln!(
            text,
            "{:28} {:28} {:>8} {:>17} {:>8} {ratio:>7} {allocations:>14} {:>7} {:>7}",
            if what == last { "" } else { &what },
            row.whose,
            short(row.ns.median),
            format!("{}..{}", short(row.ns.low), short(row.ns.high)),
            short(row.added_ns),
            row.service_size,
            row.future_size,
        );
        last = what;
    }
    text
}

/// Three digits are as many as there are.
pub(super) fn short(number: f64) -> String {
    if number.abs() < 99.5 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    }
}

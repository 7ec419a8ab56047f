use std::fmt::Write;

use super::{Row, table::short};

/// What stands in the README's rows, and how it is called there.
const LINES: [(&str, &str); 15] = [
    ("circuit_breaker/admitted/u64", "`circuit_breaker`"),
    ("circuit_breaker/refused/u64", "`circuit_breaker`, open"),
    ("bulkhead/admitted/u64", "`bulkhead`"),
    ("bulkhead/refused/u64", "`bulkhead`, full"),
    ("rate_limit/admitted/u64", "`rate_limit`"),
    ("rate_limit/refused/u64", "`rate_limit`, exceeded"),
    ("timeout/admitted/u64", "`timeout`, answered at once"),
    ("timeout/pending/u64", "`timeout`, answered later"),
    ("retry/admitted/u64", "`retry` with a budget"),
    ("hedge/admitted/u64", "`hedge`, the first wins"),
    ("adaptive/admitted/u64", "`adaptive`"),
    ("fallback/admitted/u64", "`fallback`"),
    (
        "correlation_id/admitted/http",
        "`correlation_id`, a new one",
    ),
    (
        "five/admitted/u64",
        "timeout, rate limit, retry, breaker, bulkhead",
    ),
    ("five_with_id/admitted/http", "the five and an id, on HTTP"),
];

/// The README's table: what ours adds, and what everybody else's adds.
#[must_use]
pub fn overhead(rows: &[Row]) -> String {
    let mut text = String::from("| layer | adds | allocates | others add |\n|---|---|---|---|\n");
    for (what, name) in LINES {
        let here = || rows.iter().filter(|row| row.what() == what);
        let Some(ours) = here().find(|row| row.is_ours()) else {
            continue;
        };
        let others: Vec<String> = here().filter(|row| !row.is_ours()).map(other).collect();
        let _ = writeln!(
            text,
            "| {name} | **{} ns** | {} | {} |",
            short(ours.added_ns.max(0.0)),
            ours.allocations
                .map_or_else(|| "-".to_owned(), |(count, _)| count.to_string()),
            others.join("; "),
        );
    }
    text
}

fn other(row: &Row) -> String {
    let times = row.times_ours.map_or(0.0, |times| times.median);
    let allocates = match row.allocations {
        None | Some((0, _)) => String::new(),
        Some((count, _)) => format!(", allocates {count}"),
    };
    format!(
        "{} {} ns ({}x{allocates})",
        row.whose,
        short(row.added_ns.max(0.0)),
        short(times),
    )
}

/// Puts `text` in place of what is between the markers of this name.
///
/// # Errors
///
/// If `page` does not have both.
pub fn between_markers(page: &str, name: &str, text: &str) -> Result<String, String> {
    let begin = format!("<!-- {name}: begin -->\n");
    let end = format!("<!-- {name}: end -->");
    let missing = |marker: &str| format!("no {} in the page", marker.trim());
    let (before, rest) = page.split_once(&begin).ok_or_else(|| missing(&begin))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| missing(&end))?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

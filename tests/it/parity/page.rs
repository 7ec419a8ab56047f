//! The page of all rows, made from the tests.

use std::{collections::BTreeMap, env, fmt::Write, fs, path::PathBuf};

/// The tables, how many rows each has, and what it is about.
const TABLES: [(&str, usize, &str); 18] = [
    ("CB", 32, "Circuit breaker"),
    ("BH", 13, "Bulkhead"),
    ("RT", 21, "Retry and its budget"),
    ("HG", 10, "Hedging"),
    ("TO", 12, "Timeouts and deadlines"),
    ("RL", 16, "Rate limit"),
    (
        "AC",
        19,
        "Adaptive limits, throttling, shedding, priorities",
    ),
    ("FB", 6, "Fallback"),
    ("CA", 4, "Cache"),
    ("CO", 3, "Coalescing"),
    ("OL", 13, "Outlier detection and load balancing"),
    ("CH", 8, "Chaos"),
    ("HC", 9, "Health"),
    ("ID", 8, "Correlation and trace context"),
    ("RG", 8, "Registry and reconfiguration"),
    ("OB", 10, "Observability"),
    ("TE", 5, "Testing aids"),
    ("ER", 6, "Ergonomics"),
];

/// A test that answers a row.
struct Row {
    asks: String,
    answer: String,
    test: String,
}

fn at(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every row by table and number, read from the tests themselves.
fn rows() -> BTreeMap<(String, usize), Row> {
    let mut rows = BTreeMap::new();
    for entry in fs::read_dir(at("tests/it/parity")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module == "mod" || module == "page" {
            continue;
        }
        let mut docs = Vec::new();
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some(doc) = line.strip_prefix("/// ") {
                docs.push(doc.to_owned());
            } else if let Some(name) = test_name(line) {
                add(&mut rows, &module, name, &docs);
                docs.clear();
            } else if !line.starts_with("#[") {
                docs.clear();
            }
        }
    }
    rows
}

/// The name of the function that starts here, if it is one.
fn test_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async ").unwrap_or(line);
    rest.strip_prefix("fn ")?.split('(').next()
}

fn add(rows: &mut BTreeMap<(String, usize), Row>, module: &str, name: &str, docs: &[String]) {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let Ok(number) = name[letters.len()..].parse() else {
        return;
    };
    let table = letters.to_uppercase();
    if letters.len() != 2 {
        return;
    }
    let id = format!("{table}{number}: ");
    let asks = docs.first().and_then(|first| first.strip_prefix(&id));
    let asks = asks.unwrap_or_else(|| panic!("the docs of {name} do not begin with `{id}`"));
    let answer = docs[1..].join(" ");
    assert!(!answer.is_empty(), "{name} does not say what our answer is");
    let row = Row {
        asks: asks.to_owned(),
        answer,
        test: format!("parity::{module}::{name}"),
    };
    let earlier = rows.insert((table, number), row);
    assert!(earlier.is_none(), "there are two tests for {name}");
}

fn page(rows: &BTreeMap<(String, usize), Row>) -> String {
    let mut page = String::from(
        "# Parity\n\n\
         What comparable libraries can do, row by row, and what answers it here. Each row is a test \
         from outside; `cargo test --test it parity` runs them all, and this page is made from them.\n",
    );
    for (table, _, about) in TABLES {
        let _ = write!(
            page,
            "\n## {about}\n\n| row | asks for | our answer | test |\n|---|---|---|---|\n"
        );
        for ((of, number), row) in rows {
            if of == table {
                let Row { asks, answer, test } = row;
                let _ = writeln!(page, "| {table}{number} | {asks} | {answer} | `{test}` |");
            }
        }
    }
    page
}

#[test]
fn every_row_has_a_test() {
    let rows = rows();
    let missing: Vec<_> = TABLES
        .iter()
        .flat_map(|(table, count, _)| (1..=*count).map(move |number| (table.to_string(), number)))
        .filter(|id| !rows.contains_key(id))
        .map(|(table, number)| format!("{table}{number}"))
        .collect();
    assert!(missing.is_empty(), "no test for {}", missing.join(" "));
    for (table, number) in rows.keys() {
        assert!(
            TABLES
                .iter()
                .any(|(known, count, _)| known == table && number <= count),
            "{table}{number} is not a row of a table"
        );
    }
}

#[test]
fn the_page_says_what_the_tests_say() {
    let path = at("crates/tower-keep/docs/parity.md");
    let page = page(&rows());
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "the page is out of date: BLESS=1 cargo test --test it parity"
    );
}

//! The instructions that a call through each layer takes: `cargo bench -p cost --bench instructions`.
//!
//! They do not depend on what else the machine does, so that they can be held against
//! `benches/cost/instructions.tsv`: what is more than 3 % above it (a server 6 %) fails. `BLESS=1` takes the new
//! numbers over. Arguments are parts of names (`layer/path/input`). Needs valgrind.
//!
//! `cargo test --benches` only sees whether every case does what it is called.

use std::{env, path::Path, process::ExitCode};

use cost::{Baseline, callgrind, ours};

fn main() -> ExitCode {
    let arguments = env::args().skip(1);
    let (flags, filters): (Vec<_>, Vec<_>) = arguments.partition(|one| one.starts_with("--"));
    let cases = ours::cases().matching(&filters);
    if callgrind::is_inside() {
        let runtime = cost::runtime();
        let _entered = runtime.enter();
        callgrind::inside(cases);
        return ExitCode::SUCCESS;
    }
    if !flags.iter().any(|flag| flag == "--bench") {
        let runtime = cost::runtime();
        let _entered = runtime.enter();
        cases.make().for_each(|mut case| case.run(1));
        return ExitCode::SUCCESS;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("callgrind");
    match callgrind::count(&filters, &folder) {
        Ok(now) if !now.is_empty() => report(&now, filters.is_empty()),
        Ok(_) => {
            eprintln!("no case is called like that");
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table; fails if something is worse than the baseline.
fn report(now: &[(String, f64)], all: bool) -> ExitCode {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.tsv");
    let baseline = Baseline::read(path, "case\tinstructions");
    println!(
        "{:36} {:>9} {:>9} {:>9}",
        "case", "a call", "added", "baseline"
    );
    for (name, instructions) in now {
        let input = name.rsplit('/').next().unwrap_or_default();
        let bare = format!("bare/admitted/{input}");
        let counted = now.iter().find(|(name, _)| *name == bare);
        let bare = counted.map_or_else(|| baseline.get(&bare), |(_, bare)| Some(*bare));
        let number =
            |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |n| format!("{n:.0}"));
        println!(
            "{name:36} {:>9} {:>9} {:>9}",
            number(Some(*instructions)),
            number(bare.map(|bare| instructions - bare)),
            number(baseline.get(name)),
        );
    }
    if env::var_os("BLESS").is_some_and(|bless| bless == "1") {
        baseline.bless(now, all).expect("the baseline is a file");
        println!("\nthe baseline is what was measured now");
        return ExitCode::SUCCESS;
    }
    let mut worse = baseline.worse(now);
    if all {
        worse.extend(baseline.gone(now));
    }
    match baseline.better(now) {
        0 => {}
        better => println!("\n{better} cases are cheaper than the baseline: BLESS=1 keeps them so"),
    }
    if worse.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("\ntoo far above benches/cost/instructions.tsv:");
    for line in &worse {
        eprintln!("  {line}");
    }
    eprintln!(
        "make it cheaper, or if it is meant to cost that, say why in the commit and take it over:\n  \
         BLESS=1 cargo bench -p cost --bench instructions"
    );
    ExitCode::FAILURE
}

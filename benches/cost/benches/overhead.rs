//! What a layer adds to a call, ours and everybody else's: `cargo bench -p cost --bench overhead`.
//!
//! All layers stand in front of the same service, and all are measured in turn in one run, in CPU time
//! of one thread on one core. First each has to show that it is at work; if one is not, there are no
//! numbers. What comes out is a table, `target/bench/overhead.json` and a picture beside it. `BLESS=1`
//! puts both into the README. Arguments are parts of names (`layer/path/input/whose`); `--quick` is
//! enough to see that all is well, and no measurement.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use cost::{
    report::{self, Row},
    timing::{self, Plan},
};

fn main() -> ExitCode {
    cost::without_test_util("overhead", || match overhead() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    })
}

fn overhead() -> Result<(), String> {
    let arguments = env::args().skip(1);
    let (flags, mut filters): (Vec<_>, Vec<_>) = arguments.partition(|one| one.starts_with("--"));
    let is_on = |flag: &str| flags.iter().any(|one| one == flag);
    match cost::verify() {
        Ok(seen) => println!("each layer is at work:\n  {}\n", seen.join("\n  ")),
        Err(seen) => return Err(format!("not all are at work:\n  {}", seen.join("\n  "))),
    }
    if !filters.is_empty() {
        filters.push("bare/".to_owned());
    }
    let cases = cost::versus().matching(&filters);
    let runtime = cost::runtime();
    let _entered = runtime.enter();
    if !is_on("--bench") {
        // `cargo test --benches`: each once.
        cases.make().for_each(|mut case| case.run(1));
        return Ok(());
    }
    let plan = match is_on("--quick") {
        true => Plan {
            rounds: 5,
            burst: Duration::from_micros(300),
        },
        false => Plan {
            rounds: 201,
            burst: Duration::from_millis(4),
        },
    };
    timing::pin(timing::Core::Last);
    let mut cases: Vec<_> = cases.make().collect();
    let samples = timing::measure(&mut cases, plan);
    let rows = report::rows(&cases, &samples, &allocations(&filters)?);
    print!("{}", report::table(&rows));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let json = serde_json::to_string_pretty(&rows).map_err(|error| error.to_string())?;
    write(folder.join("overhead.json"), &json)?;
    write(folder.join("overhead.svg"), &report::picture(&rows))?;
    if env::var_os("BLESS").is_some_and(|bless| bless == "1") && filters.is_empty() {
        bless(&rows)?;
    }
    Ok(())
}

/// Counted in a process of its own.
fn allocations(filters: &[String]) -> Result<BTreeMap<String, (u64, u64)>, String> {
    let counted = Command::new(env!("CARGO_BIN_EXE_allocations"))
        .args(filters)
        .output()
        .map_err(|error| format!("allocations: {error}"))?;
    serde_json::from_slice(&counted.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&counted.stderr);
        format!("allocations: {error}\n{said}")
    })
}

fn write(path: PathBuf, text: &str) -> Result<(), String> {
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

/// Puts the results where everybody sees them.
fn bless(rows: &[Row]) -> Result<(), String> {
    let cost = Path::new(env!("CARGO_MANIFEST_DIR"));
    write(cost.join("overhead.svg"), &report::picture(rows))?;
    let readme = cost.join("../../README.md");
    let page = fs::read_to_string(&readme).map_err(|error| error.to_string())?;
    let table = report::overhead_markdown(rows);
    write(readme, &report::between_markers(&page, "overhead", &table)?)
}

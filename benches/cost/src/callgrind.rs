//! Counting instructions: valgrind watches one function, which makes the calls.
//!
//! The bench starts itself again below valgrind. Whatever is done outside `counted` is not counted,
//! and each time that it returns valgrind writes down what it has cost.

use std::{
    env, fs, io,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Case, Cases};

/// Set in the process that valgrind watches.
const INSIDE: &str = "COST_INSIDE_CALLGRIND";

/// The name by which valgrind knows [`counted`].
const COUNTED: &str = "cost::callgrind::counted";

/// Calls before anything is counted: tables and pools are what they will be.
const WARM_UP: u64 = 500;

/// How often each case is counted; the median is free of what happens now and then by the clock.
const BLOCKS: usize = 5;

/// Calls in each of them.
const CALLS: u64 = 2000;

/// Makes `calls` calls that are counted.
#[inline(never)]
fn counted(case: &mut Case, calls: u64) {
    case.run(calls);
}

/// Whether this process is the one that is watched.
#[must_use]
pub fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// What the watched process does: the cases, and their names on standard output.
pub fn inside(cases: Cases) {
    for mut case in cases.make() {
        case.run(WARM_UP);
        for _ in 0..BLOCKS {
            counted(&mut case, CALLS);
        }
        println!("{}", case.name);
    }
}

/// Runs this program once more below valgrind, with these arguments: the instructions of one call of
/// each case.
///
/// # Errors
///
/// Says what to do if there is no valgrind, and what it said if it failed.
pub fn count(arguments: &[String], folder: &Path) -> Result<Vec<(String, f64)>, String> {
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    let dump = folder.join("dump");
    let program = env::current_exe().map_err(failed)?;
    let watched = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", dump.display()))
        .arg(program)
        .args(arguments)
        .env(INSIDE, "1")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "valgrind counts the instructions, and there is none here: \
                 install it (apt-get install valgrind) and run this again"
                .to_owned(),
            _ => format!("valgrind: {error}"),
        })?;
    if !watched.status.success() {
        return Err(format!("below valgrind: {}", watched.status));
    }
    String::from_utf8_lossy(&watched.stdout)
        .lines()
        .enumerate()
        .map(|(case, name)| {
            let first = case * BLOCKS + 1;
            let mut blocks = (first..first + BLOCKS)
                .map(|dump| total(&folder.join(format!("dump.{dump}"))))
                .collect::<Result<Vec<_>, _>>()?;
            blocks.sort_unstable();
            let per_call = blocks[BLOCKS / 2] as f64 / CALLS as f64;
            Ok((name.to_owned(), (per_call * 10.0).round() / 10.0))
        })
        .collect()
}

/// The instructions that one file of valgrind's tells of.
fn total(dump: &Path) -> Result<u64, String> {
    let unreadable = |what: &str| format!("{}: {what}", dump.display());
    let text = fs::read_to_string(dump).map_err(|error| unreadable(&error.to_string()))?;
    text.lines()
        .find_map(|line| line.strip_prefix("totals: ")?.parse().ok())
        .ok_or_else(|| unreadable("no totals"))
}

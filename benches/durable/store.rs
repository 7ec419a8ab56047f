//! The event store and its projections: `cargo bench -p durable-bench --bench store`. `--quick` is no
//! measurement. A word takes only the databases with it in their names.
//!
//! The first rows of a database are its own, measured in the same run: one insert a transaction. An
//! append is such a transaction with a look at the version before it.

use std::{env, process::ExitCode};

use durable_bench::{Plan, databases, measure_store};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let plan = match arguments.iter().any(|one| one == "--quick") {
        true => Plan::QUICK,
        false => Plan::FULL,
    };
    let mut wanted = arguments.iter().filter(|one| !one.starts_with('-'));
    let word = wanted.next().map_or("", String::as_str);
    for database in databases().await {
        if database.name.contains(word) {
            println!("\n{}", database.name);
            if let Err(error) = measure_store(&database, plan).await {
                eprintln!("{}: {error}", database.name);
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

//! Events per second of each bus: `cargo bench -p durable-bench`. `--quick` is no measurement. A word
//! takes only the buses with it in their names.
//!
//! The first rows of a bus are its storage alone, measured in the same run: one insert a transaction,
//! by one writer and by sixteen. Nothing that confirms each event in a transaction of its own can be
//! faster; what is faster commits several together.

use std::process::ExitCode;

use durable_bench::{Plan, measure, subjects};

#[tokio::main]
async fn main() -> ExitCode {
    let (plan, words) = Plan::of_arguments();
    for subject in subjects().await {
        if words.is_empty()
            || words
                .iter()
                .any(|word| subject.name.contains(word.as_str()))
        {
            println!("\n{}", subject.name);
            if let Err(error) = measure(&subject, plan).await {
                eprintln!("{}: {error}", subject.name);
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

//! The event store and its projections: `cargo bench -p durable-bench --bench store`. `--quick` is no
//! measurement. A word takes only the databases with it in their names.
//!
//! The first rows of a database are its own, measured in the same run: one insert a transaction. An
//! append is such a transaction with a look at the version before it.

use std::process::ExitCode;

use durable_bench::{each_database, measure_store};

#[tokio::main]
async fn main() -> ExitCode {
    each_database(measure_store).await
}

//! Sagas per second: `cargo bench -p durable-bench --bench sagas`. `--quick` is no measurement. A word
//! takes only the databases with it in their names.
//!
//! The first rows of a database are its own, measured in the same run: one insert a transaction. A saga
//! of four steps is started in one, claimed in one, and moved on in one for each step.

use std::process::ExitCode;

use durable_bench::{each_database, measure_sagas};

#[tokio::main]
async fn main() -> ExitCode {
    each_database(measure_sagas).await
}

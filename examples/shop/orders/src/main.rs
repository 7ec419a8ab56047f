//! Runs the order service alone.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shop_kit::cli::run(orders::run).await
}

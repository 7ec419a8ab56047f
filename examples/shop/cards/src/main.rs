//! Runs the card network alone.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shop_kit::cli::run(cards::run).await
}

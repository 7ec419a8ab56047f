//! Runs the shipping service alone.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shop_kit::cli::run(shipping::run).await
}

//! Runs the payment service alone.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shop_kit::cli::run(payments::run).await
}

//! Runs the views alone.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shop_kit::cli::run(views::run).await
}

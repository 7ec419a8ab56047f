//! Runs the inventory service alone.

use std::{error::Error, process::ExitCode};

use inventory::Config;
use shop_kit::{cli, server};

#[tokio::main]
async fn main() -> ExitCode {
    match cli::parse() {
        Ok(config) => cli::exit(run(config).await),
        Err(code) => code,
    }
}

async fn run(config: Config) -> Result<(), Box<dyn Error>> {
    cli::start_log(&config.log)?;
    let listener = server::listen(config.listen).await?;
    let router = inventory::build(&config).await?;
    tracing::info!(address = %listener.local_addr()?, "inventory listens");
    server::serve(listener, router, server::signal()).await?;
    Ok(())
}

//! Runs the order service alone.

use std::{error::Error, process::ExitCode};

use orders::Config;
use shop_kit::{cli, notices::Notices, server};

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
    let app = orders::build(&config, Notices::silent()).await?;
    tracing::info!(address = %listener.local_addr()?, "orders listens");
    server::serve(listener, app.router.clone(), server::signal()).await?;
    Ok(())
}

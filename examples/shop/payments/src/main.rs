//! Runs the payment service alone.

use std::process::ExitCode;

use payments::Config;
use shop_kit::{
    cli,
    server::{self, StartError},
};

#[tokio::main]
async fn main() -> ExitCode {
    match cli::parse() {
        Ok(config) => cli::exit(run(config).await),
        Err(code) => code,
    }
}

async fn run(config: Config) -> Result<(), StartError> {
    cli::start_log(&config.log)?;
    let listener = server::listen(config.listen).await?;
    let (server, _) = payments::build(&config).await?;
    tracing::info!(address = %listener.local_addr()?, "payments listens");
    server.serve(listener).await?;
    Ok(())
}

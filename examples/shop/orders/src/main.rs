//! Runs the order service alone.

use std::process::ExitCode;

use orders::Config;
use shop_kit::{
    cli,
    notices::Notices,
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
    let app = orders::build(&config, Notices::silent()).await?;
    tracing::info!(address = %listener.local_addr()?, "orders listens");
    // The finisher works until the last request has ended; what it leaves half done is taken up by
    // the next process.
    app.server.serve(listener).await?;
    Ok(())
}

//! `keep`: what an operator does with what a service keeps.
//!
//! It works on the service's own database while the service runs, and only changes what the library's
//! own verbs change.

mod letters;
mod outbox;
mod output;
mod sagas;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tower_keep_durable::{BoxError, Db};

use output::Output;

/// Looks after the outbox, the dead letters and the sagas of a service.
#[derive(Debug, Parser)]
#[command(name = "keep", version)]
struct Keep {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// The service's database: sqlite:path or postgres://user@host/name
    #[arg(long, env = "KEEP_DB", global = true, hide_env_values = true)]
    db: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Events that a consumer could not handle
    #[command(subcommand)]
    Letters(letters::Letters),
    /// Events that wait to be published
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// Business transactions over several services
    #[command(subcommand)]
    Sagas(sagas::SagasCommand),
}

/// Who gives something up, and why.
#[derive(Debug, Args)]
struct Reason {
    /// Why; kept with it
    #[arg(long)]
    reason: String,
    /// Who; kept with it
    #[arg(long, env = "USER", default_value = "operator")]
    by: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let keep = Keep::parse();
    match run(keep).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keep: {}", explained(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(keep: Keep) -> Result<(), BoxError> {
    let output = Output::new(keep.common.json);
    let url = keep.common.db.ok_or("--db: give the service's database")?;
    let db = Db::open(&of_existing(&url), &[]).await?;
    match keep.command {
        Command::Letters(command) => command.run(db, &output).await,
        Command::Outbox(command) => command.run(db, &output).await,
        Command::Sagas(command) => command.run(db, &output).await,
    }
}

/// A SQLite file that is not there is a typing error, and not to be created.
fn of_existing(url: &str) -> String {
    if url.starts_with("sqlite:") && !url.contains('?') {
        format!("{url}?mode=rw")
    } else {
        url.to_owned()
    }
}

fn explained(error: &BoxError) -> String {
    let text = error.to_string();
    let missing = ["no such table", "does not exist"];
    if text.contains("keep_") && missing.iter().any(|says| text.contains(says)) {
        return format!("--db: the service of this database has no such thing ({text})");
    }
    text
}

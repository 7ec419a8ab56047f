use std::{env, process::ExitCode};

use tempfile::TempDir;
use tower_keep_durable::{Db, db::file_url, event_store, outbox, projection, saga};

use crate::{Failed, Plan, storage};

/// Has one thing measured on each database that there is here, after the database itself, and prints a
/// line for each figure. What does not answer is left out, and said so.
///
/// PostgreSQL's is that of `KEEP_BENCH_POSTGRES`, which should be empty: its rows stay.
pub async fn each_database(measure: impl AsyncFn(&Db, Plan) -> Result<(), Failed>) -> ExitCode {
    let (plan, words) = Plan::of_arguments();
    for (name, made) in [("SQLite", sqlite().await), ("PostgreSQL", postgres().await)] {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        // The folder goes when it has been measured.
        let (db, _folder) = match made {
            Ok(made) => made,
            Err(error) => {
                println!("SKIPPED {name}: {error}");
                continue;
            }
        };
        println!("\n{name}");
        let measured = async {
            storage::measure(&db, plan).await?;
            measure(&db, plan).await
        };
        if let Err(error) = measured.await {
            eprintln!("{name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn sqlite() -> Result<(Db, Option<TempDir>), Failed> {
    let folder = tempfile::tempdir()?;
    let url = file_url(&folder.path().join("store.db"));
    Ok((open(&url).await?, Some(folder)))
}

async fn postgres() -> Result<(Db, Option<TempDir>), Failed> {
    let url = env::var("KEEP_BENCH_POSTGRES")
        .map_err(|_| "give a database of its own as KEEP_BENCH_POSTGRES")?;
    Ok((open(&url).await?, None))
}

async fn open(url: &str) -> Result<Db, Failed> {
    let schemas = [
        event_store::SCHEMA,
        projection::SCHEMA,
        outbox::SCHEMA,
        saga::SCHEMA,
    ];
    Ok(Db::open(url, &schemas).await?)
}

use std::env;

use tempfile::TempDir;
use tower_keep_durable::{Db, db::file_url, event_store, projection};

use crate::Failed;

/// A database to keep events in.
#[derive(Debug)]
pub struct Database {
    /// What it is called.
    pub name: &'static str,
    pub(crate) db: Db,
    _folder: Option<TempDir>,
}

/// All that can be measured here. What does not answer is left out, and said so.
///
/// PostgreSQL's is that of `KEEP_BENCH_POSTGRES`, which should be empty: its rows stay.
pub async fn databases() -> Vec<Database> {
    let mut databases = Vec::new();
    for (name, made) in [("SQLite", sqlite().await), ("PostgreSQL", postgres().await)] {
        match made {
            Ok((db, _folder)) => databases.push(Database { name, db, _folder }),
            Err(error) => println!("SKIPPED {name}: {error}"),
        }
    }
    databases
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
    Ok(Db::open(url, &[event_store::SCHEMA, projection::SCHEMA]).await?)
}

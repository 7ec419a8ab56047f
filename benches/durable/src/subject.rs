use std::{env, fmt};

use tempfile::TempDir;
use tower_keep_durable::{
    Bus, Db,
    bus::table::{self, TableConfig},
    db::file_url,
};

use uuid::Uuid;

use crate::Failed;

/// A bus to be measured.
pub struct Subject {
    /// What it is called.
    pub name: &'static str,
    pub(crate) bus: Bus,
    /// The same bus as another process has it, where it looks for news by itself.
    pub(crate) other: Bus,
    /// The database below it.
    pub(crate) storage: Option<Db>,
    _folder: Option<TempDir>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All that can be measured here. What does not answer is left out, and said so.
pub async fn subjects() -> Vec<Subject> {
    let memory = Bus::memory();
    let mut subjects = vec![Subject {
        name: "memory",
        other: memory.clone(),
        bus: memory,
        storage: None,
        _folder: None,
    }];
    for (name, made) in [
        ("tables on SQLite", sqlite().await),
        ("tables on PostgreSQL", postgres().await),
    ] {
        match made {
            Ok(subject) => subjects.push(subject),
            Err(error) => println!("SKIPPED {name}: {error}"),
        }
    }
    for (name, variable) in [
        ("NATS", "KEEP_BENCH_NATS"),
        ("RabbitMQ", "KEEP_BENCH_RABBITMQ"),
        ("Kafka", "KEEP_BENCH_KAFKA"),
    ] {
        match broker(name, variable).await {
            Ok(subject) => subjects.push(subject),
            Err(error) => println!("SKIPPED {name}: {error}"),
        }
    }
    subjects
}

/// At the server of this variable, such as `nats://host:4222`, under a name of its own, which stays.
/// Needs the feature of that bus.
async fn broker(name: &'static str, variable: &str) -> Result<Subject, Failed> {
    let server = env::var(variable).map_err(|_| format!("give a server as {variable}"))?;
    let url = format!("{server}/keep_bench_{}", Uuid::now_v7().simple());
    let (bus, other) = (Bus::connect(&url).await?, Bus::connect(&url).await?);
    bus.ping().await?;
    Ok(Subject {
        name,
        bus,
        other,
        storage: None,
        _folder: None,
    })
}

async fn sqlite() -> Result<Subject, Failed> {
    let folder = tempfile::tempdir()?;
    let url = file_url(&folder.path().join("bus.db"));
    tables("tables on SQLite", &url, Some(folder)).await
}

/// In the database of `KEEP_BENCH_POSTGRES`, such as `postgres://me@host/bench`, which should be
/// empty: its rows stay.
async fn postgres() -> Result<Subject, Failed> {
    let url = env::var("KEEP_BENCH_POSTGRES")
        .map_err(|_| "give a database of its own as KEEP_BENCH_POSTGRES")?;
    tables("tables on PostgreSQL", &url, None).await
}

async fn tables(name: &'static str, url: &str, folder: Option<TempDir>) -> Result<Subject, Failed> {
    let mut buses = Vec::new();
    for _ in 0..2 {
        let db = Db::open(url, &[table::SCHEMA]).await?;
        let bus = Bus::table(&db, TableConfig::default()).await?;
        buses.push((db, bus));
    }
    let (Some((_, other)), Some((db, bus))) = (buses.pop(), buses.pop()) else {
        return Err("two were opened".into());
    };
    Ok(Subject {
        name,
        bus,
        other,
        storage: Some(db),
        _folder: folder,
    })
}

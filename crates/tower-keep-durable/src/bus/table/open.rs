use std::{path::Path, sync::Arc};

use tokio::sync::Notify;

use super::{backend::Table, config::TableConfig, mount, writer::Writer};
use crate::{Bus, Db, bus::BusError, db::Engine};

impl Bus {
    /// The bus in the tables of `db`, which was opened with [`SCHEMA`](super::SCHEMA). See
    /// [`table`](super).
    ///
    /// # Errors
    /// The database does not answer; it has a bus with another number of partitions; it is a file on
    /// a network file system, or none at all.
    ///
    /// # Panics
    /// Called outside of a tokio runtime.
    pub async fn table(db: &Db, config: TableConfig) -> Result<Self, BusError> {
        if config.partitions == 0 || config.lease.is_zero() {
            return Err(BusError::Misconfigured(
                "partitions and lease must be more than nothing".to_owned(),
            ));
        }
        if db.engine() == Engine::Sqlite {
            local_file(db).await?;
        }
        let partitions = agree_on_partitions(db, config.partitions).await?;
        if partitions != i64::from(config.partitions) {
            return Err(BusError::Misconfigured(format!(
                "partitions: the bus of this database has {partitions}, not {}",
                config.partitions
            )));
        }
        let config = Arc::new(config);
        let changed = Arc::new(Notify::new());
        let writer = Writer::start(db.clone(), Arc::clone(&config), Arc::clone(&changed));
        Ok(Self::new(Table::new(db.clone(), config, writer, changed)))
    }
}

/// How many partitions it has; as many as `wanted`, if this is the first time.
async fn agree_on_partitions(db: &Db, wanted: u32) -> Result<i64, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query(
        "INSERT INTO keep_bus_layout (name, value) VALUES ('partitions', $1)
         ON CONFLICT DO NOTHING",
    )
    .bind(i64::from(wanted))
    .execute(&mut *tx)
    .await?;
    let (partitions,): (i64,) =
        sqlx::query_as("SELECT value FROM keep_bus_layout WHERE name = 'partitions'")
            .fetch_one(&mut *tx)
            .await?;
    tx.commit().await?;
    Ok(partitions)
}

async fn local_file(db: &Db) -> Result<(), BusError> {
    let files: Vec<(String,)> =
        sqlx::query_as("SELECT file FROM pragma_database_list WHERE name = 'main'")
            .fetch_all(db.pool())
            .await?;
    let file = files
        .into_iter()
        .map(|(file,)| file)
        .find(|file| !file.is_empty());
    let Some(file) = file else {
        return Err(BusError::Misconfigured(
            "the database is in memory, one for each connection: give a file, or take Bus::memory"
                .to_owned(),
        ));
    };
    match mount::network(Path::new(&file)) {
        Some(kind) => Err(BusError::Misconfigured(format!(
            "{file} is on a network file system ({kind}), whose locks cannot be trusted: \
             take a local disk, or PostgreSQL"
        ))),
        None => Ok(()),
    }
}

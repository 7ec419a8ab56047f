use std::{borrow::Cow, time::Duration};

use sqlx::{
    AnyConnection, AnyPool, Executor,
    any::{AnyPoolOptions, install_default_drivers},
};

use super::{Clock, Schema, Tx, url::without_credentials};
use crate::common::lease;

/// A pool of connections to one service's own database. Clones share it.
#[derive(Debug, Clone)]
pub struct Db {
    pool: AnyPool,
    engine: Engine,
    clock: Clock,
}

/// Which database it is, where that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The statement as this database wants it.
    pub(crate) fn spell<'a>(self, statement: &'a str) -> String {
        let (serial, bytes): (Cow<'a, str>, &str) = match self {
            // AUTOINCREMENT: a number is never given again, even if the last row was deleted.
            Self::Sqlite => ("INTEGER PRIMARY KEY AUTOINCREMENT".into(), "BLOB"),
            Self::Postgres => (
                "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY".into(),
                "BYTEA",
            ),
        };
        statement
            .replace("{serial}", &serial)
            .replace("{bytes}", bytes)
    }
}

impl Db {
    /// Opens the database of `url` (`sqlite:path` or `postgres://user@host/name`) and brings its
    /// tables up to date. Several processes may do so at the same time.
    ///
    /// # Errors
    /// The URL is of neither database, nothing answers there, or the folder cannot be written.
    pub async fn open(url: &str, schemas: &[Schema]) -> Result<Self, OpenError> {
        install_default_drivers();
        let fail = |error: String| OpenError {
            name: without_credentials(url),
            error,
        };
        let (engine, url) = match url.split_once(':') {
            Some(("sqlite", path)) if path.contains('?') => (Engine::Sqlite, url.to_owned()),
            Some(("sqlite", _)) => (Engine::Sqlite, format!("{url}?mode=rwc")),
            Some(("postgres" | "postgresql", _)) => (Engine::Postgres, url.to_owned()),
            _ => {
                return Err(fail(
                    "give sqlite:path or postgres://user@host/name".to_owned(),
                ));
            }
        };
        let pool = AnyPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    match engine {
                        Engine::Sqlite => prepare_sqlite(connection).await,
                        Engine::Postgres => Ok(()),
                    }
                })
            })
            .connect(&url)
            .await
            .map_err(|error| fail(error.to_string()))?;
        let db = Self {
            pool,
            engine,
            clock: Clock::system(),
        };
        db.migrate(schemas)
            .await
            .map_err(|error| fail(error.to_string()))?;
        Ok(db)
    }

    /// The same database with another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Adds what is missing of these tables, in one transaction.
    ///
    /// # Errors
    /// The database does not answer, or refuses a statement; then nothing was changed.
    pub async fn migrate(&self, schemas: &[Schema]) -> Result<(), sqlx::Error> {
        let mut tx = self.begin_write().await?;
        if self.engine == Engine::Postgres {
            // `IF NOT EXISTS` alone races there: two starters would both insert the type's name.
            // The cast is for `Any`, which cannot decode `void`.
            sqlx::query("SELECT CAST(pg_advisory_xact_lock(7301) AS TEXT)")
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS keep_schema
             (name TEXT NOT NULL, step BIGINT NOT NULL, PRIMARY KEY (name, step))",
        )
        .execute(&mut *tx)
        .await?;
        for schema in [&lease::SCHEMA].into_iter().chain(schemas) {
            schema.apply(&mut tx, self.engine).await?;
        }
        tx.commit().await
    }

    /// A transaction that may write. On SQLite it takes the write lock at once: a transaction that
    /// reads first and writes later fails with "database is locked" without waiting.
    ///
    /// Cancelled, nothing is left open.
    ///
    /// # Errors
    /// The database does not answer.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn begin_write(&self) -> Result<Tx, sqlx::Error> {
        let (pool, engine) = (self.pool.clone(), self.engine);
        // A task of its own, which nobody cuts off: sqlx gives a connection whose BEGIN was on its way
        // back to the pool without a rollback, and whoever gets it next commits nothing.
        let begun = tokio::spawn(async move {
            match engine {
                Engine::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await,
                Engine::Postgres => pool.begin().await,
            }
        });
        let begun = begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed));
        begun.map(Tx::new)
    }

    /// Asks the database for nothing, to see whether it answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// The pool, for reads outside of a transaction.
    #[must_use]
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// The clock whose time the rows carry.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Now, in microseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// For the reads that only one of the databases needs.
    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }
}

async fn prepare_sqlite(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    // FULL: a commit survives a power cut, which is what an answered payment must do.
    for pragma in [
        "PRAGMA busy_timeout = 5000",
        "PRAGMA foreign_keys = ON",
        "PRAGMA synchronous = FULL",
    ] {
        connection.execute(pragma).await?;
    }
    // The switch to WAL needs the file for itself and does not wait for the busy timeout; it is
    // stored in the file, so whoever loses the race finds it done.
    let mut tries = 0;
    while let Err(error) = connection.execute("PRAGMA journal_mode = WAL").await {
        tries += 1;
        if tries == 100 {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A database could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the database {name}: {error}")]
pub struct OpenError {
    name: String,
    error: String,
}

//! One set of queries for SQLite and PostgreSQL, through sqlx's `Any` driver.
//!
//! The rules that make it true: columns are TEXT or BIGINT (money in minor units, times in
//! microseconds, booleans 0 or 1), placeholders are `$n`, sums are `CAST(SUM(x) AS BIGINT)`, time
//! is bound and never asked of the database, and whoever writes starts with [`Db::begin_write`].

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sqlx::{
    Any, AnyConnection, AnyPool, Executor, Transaction,
    any::{AnyPoolOptions, install_default_drivers},
};

/// A transaction on either database. Dropped without a commit, it is rolled back.
pub type Tx = Transaction<'static, Any>;

/// A pool of connections to one service's own database. Clones share it.
#[derive(Debug, Clone)]
pub struct Db {
    pool: AnyPool,
    engine: Engine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

impl Db {
    /// Opens the database of `url` (`sqlite:path` or `postgres://user@host/name`) and makes the
    /// tables of `schema` that are missing. Several processes may do so at the same time.
    ///
    /// # Errors
    /// The URL is of neither database, nothing answers there, or the folder cannot be written.
    pub async fn open(url: &str, schema: &[&'static str]) -> Result<Self, OpenError> {
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
        let db = Self { pool, engine };
        db.create(schema)
            .await
            .map_err(|error| fail(error.to_string()))?;
        Ok(db)
    }

    async fn create(&self, schema: &[&'static str]) -> Result<(), sqlx::Error> {
        let mut tx = self.begin_write().await?;
        if self.engine == Engine::Postgres {
            // `IF NOT EXISTS` alone races there: two starters would both insert the type's name.
            // The cast is for `Any`, which cannot decode `void`.
            sqlx::query("SELECT CAST(pg_advisory_xact_lock(7301) AS TEXT)")
                .execute(&mut *tx)
                .await?;
        }
        for statement in schema {
            sqlx::query(*statement).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// A transaction that may write. On SQLite it takes the write lock at once: a transaction that
    /// reads first and writes later fails with "database is locked" without waiting.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin_write(&self) -> Result<Tx, sqlx::Error> {
        match self.engine {
            Engine::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await,
            Engine::Postgres => self.pool.begin().await,
        }
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

/// The URL of the SQLite file at `path`.
#[must_use]
pub fn file_url(path: &Path) -> String {
    let mut url = "sqlite://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => url.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => url.push(byte.into()),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// The URL without user and password, fit for an error message.
fn without_credentials(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

/// Now, in microseconds since 1970: the time that rows carry.
#[must_use]
pub fn now_micros() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    micros(now)
}

/// A duration in the unit of [`now_micros`].
#[must_use]
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_reach_the_message() {
        assert_eq!(
            without_credentials("postgres://me:secret@db/shop"),
            "postgres://db/shop"
        );
        assert_eq!(
            without_credentials("sqlite:///tmp/a.db"),
            "sqlite:///tmp/a.db"
        );
    }

    #[tokio::test]
    async fn ten_starters_of_one_fresh_file_all_succeed() {
        let folder = tempfile::tempdir().unwrap();
        let url = file_url(&folder.path().join("with space & 100%.db"));
        let schema = &["CREATE TABLE IF NOT EXISTS t (id TEXT PRIMARY KEY)"];
        let starters: Vec<_> = (0..10)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { Db::open(&url, schema).await.map(drop) })
            })
            .collect();
        for starter in starters {
            starter.await.unwrap().unwrap();
        }
        assert!(folder.path().join("with space & 100%.db").exists());
    }

    #[tokio::test]
    async fn a_missing_folder_and_a_foreign_url_are_told_in_one_line() {
        for url in [
            "sqlite:///no/such/folder/a.db",
            "mysql://localhost/a",
            "a.db",
        ] {
            let error = Db::open(url, &[]).await.unwrap_err().to_string();
            assert!(error.starts_with("cannot open the database"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}

//! Databases for tests: a SQLite file in a fresh folder, or a PostgreSQL database of its own.

use std::io::Write;

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;

use crate::db::{Db, file_url};

/// Where tests look for PostgreSQL.
const SERVER: &str = "postgres://postgres@127.0.0.1:5432";

/// A database that only one test uses.
#[derive(Debug)]
pub struct TestDb {
    /// The open database.
    pub db: Db,
    /// Its URL, to open it once more.
    pub url: String,
    postgres: Option<String>,
    _folder: Option<TempDir>,
}

impl TestDb {
    /// A fresh SQLite file; it goes away with the value.
    ///
    /// # Panics
    /// The temp folder cannot be written.
    pub async fn sqlite(schema: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let url = file_url(&folder.path().join("test.db"));
        let db = Db::open(&url, schema).await.expect("a fresh file");
        Self {
            db,
            url,
            postgres: None,
            _folder: Some(folder),
        }
    }

    /// A fresh PostgreSQL database, or `None` and a visible line where no server answers on
    /// 127.0.0.1:5432. Drop it with [`TestDb::drop`].
    ///
    /// # Panics
    /// A server answers and refuses.
    pub async fn postgres(schema: &[&'static str]) -> Option<Self> {
        sqlx::any::install_default_drivers();
        if tokio::net::TcpStream::connect("127.0.0.1:5432")
            .await
            .is_err()
        {
            // Not `eprintln!`: the test harness would swallow the line of a test that passes.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: no PostgreSQL answers on 127.0.0.1:5432"
            );
            return None;
        }
        let name = format!("shop_test_{}", uuid::Uuid::now_v7().simple());
        admin(format!("CREATE DATABASE {name}")).await;
        let url = format!("{SERVER}/{name}");
        let db = Db::open(&url, schema).await.expect("a fresh database");
        Some(Self {
            db,
            url,
            postgres: Some(name),
            _folder: None,
        })
    }

    /// Closes the database and drops it.
    ///
    /// # Panics
    /// The server refuses.
    pub async fn drop(self) {
        self.db.pool().close().await;
        if let Some(name) = &self.postgres {
            admin(format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

async fn admin(statement: String) {
    let mut connection = AnyConnection::connect(&format!("{SERVER}/postgres"))
        .await
        .expect("the server answers");
    connection
        .execute(AssertSqlSafe(statement))
        .await
        .expect("the server obeys");
}

//! Databases for tests: a SQLite file in a fresh folder, or a PostgreSQL database of its own.

use std::{env, io::Write};

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::db::{Db, file_url};

/// Where tests look for PostgreSQL, unless `SHOP_TEST_POSTGRES` says otherwise.
const SERVER: &str = "127.0.0.1:5432";

/// A SQLite database that only one test uses.
#[derive(Debug)]
pub struct TestDb {
    /// The open database.
    pub db: Db,
    _folder: TempDir,
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
            _folder: folder,
        }
    }
}

/// Runs `test` on a fresh PostgreSQL database and drops the database afterwards, also when the test
/// fails. Where no server answers on 127.0.0.1:5432 it prints one visible line instead.
///
/// # Panics
/// The test panics, or a server answers and refuses, or none answers although
/// `SHOP_REQUIRE_POSTGRES=1` says that one must.
pub async fn on_postgres<F>(schema: &[&'static str], test: impl FnOnce(Db) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    sqlx::any::install_default_drivers();
    let server = server();
    if let Err(error) = TcpStream::connect(&server).await {
        let required = env::var("SHOP_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
        assert!(!required, "no PostgreSQL answers on {server}: {error}");
        // Not `eprintln!`: the test harness would swallow the line of a test that passes.
        let skipped = format!("SKIPPED: no PostgreSQL answers on {server}\n");
        let _ = std::io::stderr().write_all(skipped.as_bytes());
        return;
    }
    let name = format!("shop_test_{}", uuid::Uuid::now_v7().simple());
    admin(format!("CREATE DATABASE {name}")).await;
    let db = Db::open(&format!("postgres://postgres@{server}/{name}"), schema)
        .await
        .expect("a fresh database");
    // A task of its own, so that a panic ends the test only after the database is gone.
    let ended = tokio::spawn(test(db.clone())).await;
    db.pool().close().await;
    admin(format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(failure) = ended {
        std::panic::resume_unwind(failure.into_panic());
    }
}

fn server() -> String {
    env::var("SHOP_TEST_POSTGRES").unwrap_or_else(|_| SERVER.to_owned())
}

async fn admin(statement: String) {
    let mut connection =
        AnyConnection::connect(&format!("postgres://postgres@{}/postgres", server()))
            .await
            .expect("the server answers");
    connection
        .execute(AssertSqlSafe(statement))
        .await
        .expect("the server obeys");
}

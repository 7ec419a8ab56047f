use std::env;

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use super::server_answers;
use crate::db::{Db, Schema};

/// Where tests look for PostgreSQL, unless `KEEP_TEST_POSTGRES` says otherwise.
const SERVER: &str = "127.0.0.1:5432";

/// Runs `test` on a fresh PostgreSQL database and drops the database afterwards, also when the test
/// fails. Where no server answers on 127.0.0.1:5432 it prints one visible line instead.
///
/// # Panics
/// The test panics, or a server answers and refuses, or none answers although
/// `KEEP_REQUIRE_POSTGRES=1` says that one must.
pub async fn on_postgres<F>(schemas: &[Schema], test: impl FnOnce(Db) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    sqlx::any::install_default_drivers();
    let server = env::var("KEEP_TEST_POSTGRES").unwrap_or_else(|_| SERVER.to_owned());
    if !server_answers("PostgreSQL", &server, "KEEP_REQUIRE_POSTGRES").await {
        return;
    }
    let name = format!("keep_test_{}", uuid::Uuid::now_v7().simple());
    obey(&server, format!("CREATE DATABASE {name}")).await;
    let db = Db::open(&format!("postgres://postgres@{server}/{name}"), schemas)
        .await
        .expect("a fresh database");
    // A task of its own, so that a panic ends the test only after the database is gone.
    let ended = tokio::spawn(test(db.clone())).await;
    db.pool().close().await;
    obey(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(failure) = ended {
        std::panic::resume_unwind(failure.into_panic());
    }
}

async fn obey(server: &str, statement: String) {
    let mut connection = AnyConnection::connect(&format!("postgres://postgres@{server}/postgres"))
        .await
        .expect("the server answers");
    connection
        .execute(AssertSqlSafe(statement))
        .await
        .expect("the server obeys");
}

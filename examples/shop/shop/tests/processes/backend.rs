use std::{
    env,
    panic::{AssertUnwindSafe, resume_unwind},
    path::Path,
};

use futures_util::{FutureExt, future::join_all};
use shop_kit::db::file_url;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use tower_keep_durable::testing::server_answers;

use crate::{broker::Broker, fleet::SERVICES};

/// Where a fleet keeps its state.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    /// Files in a folder.
    Sqlite,
    /// Databases whose names begin so, and a bus of that name.
    Servers(String, Broker),
}

impl Backend {
    /// The database of a service, made if it is not there.
    pub(crate) async fn database(&self, folder: &Path, service: &str) -> String {
        match self {
            Self::Sqlite => file_url(&folder.join(format!("{service}.db"))),
            Self::Servers(name, _) => {
                obey(format!("CREATE DATABASE {name}_{service}")).await;
                format!("postgres://postgres@{}/{name}_{service}", postgres())
            }
        }
    }

    pub(crate) fn bus(&self, folder: &Path) -> String {
        match self {
            Self::Sqlite => file_url(&folder.join("bus.db")),
            Self::Servers(name, broker) => broker.bus(name),
        }
    }
}

/// Runs `test` on PostgreSQL and NATS on this machine, and drops afterwards what it made there, also if it
/// fails. None where they do not answer: that is one visible line, or a failure where they are required.
pub(crate) async fn on_servers<F: Future>(test: impl FnOnce(Backend) -> F) -> Option<F::Output> {
    on_servers_with(Broker::Nats, test).await
}

/// The same with this broker.
pub(crate) async fn on_servers_with<F: Future>(
    broker: Broker,
    test: impl FnOnce(Backend) -> F,
) -> Option<F::Output> {
    let answer = server_answers("PostgreSQL", &postgres(), "KEEP_REQUIRE_POSTGRES").await
        && broker.answers().await;
    if !answer {
        return None;
    }
    let name = format!("keep_shop_{}", uuid::Uuid::now_v7().simple());
    let test = test(Backend::Servers(name.clone(), broker));
    let ended = AssertUnwindSafe(test).catch_unwind().await;
    // Each waits for a checkpoint: all for the same.
    let databases = SERVICES.map(|service| format!("{name}_{service}"));
    let dropped =
        databases.map(|name| obey(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
    join_all(dropped).await;
    broker.delete(&name).await;
    match ended {
        Ok(ended) => Some(ended),
        Err(failure) => resume_unwind(failure),
    }
}

fn postgres() -> String {
    env::var("KEEP_TEST_POSTGRES").unwrap_or_else(|_| "127.0.0.1:5432".to_owned())
}

async fn obey(statement: String) {
    sqlx::any::install_default_drivers();
    let url = format!("postgres://postgres@{}/postgres", postgres());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}

//! What is measured of each bus, of the event store and of the saga engine, and of the storage below them.

mod bus;
mod database;
mod plan;
mod saga;
mod storage;
mod store;
mod subject;

pub use self::{
    database::each_database,
    plan::Plan,
    saga::measure as measure_sagas,
    store::measure as measure_store,
    subject::{Subject, subjects},
};

/// An error of any kind.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Measures one bus and prints a line for each figure.
///
/// # Errors
/// The bus or its database does not answer.
pub async fn measure(subject: &Subject, plan: Plan) -> Result<(), Failed> {
    if let Some(db) = &subject.storage {
        storage::measure(db, plan).await?;
    }
    bus::measure(subject, plan).await
}

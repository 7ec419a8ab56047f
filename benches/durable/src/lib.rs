//! What is measured of each bus and of the event store, and of the storage below them.

mod bus;
mod database;
mod plan;
mod storage;
mod store;
mod subject;

pub use self::{
    database::{Database, databases},
    plan::Plan,
    store::measure_store,
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

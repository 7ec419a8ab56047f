use std::future::Future;

use super::{Table, View};
use crate::{BoxError, Tx, bus::Types, event_store::Recorded};

/// A read model: tables that follow from the log.
pub trait Projection: Send + Sync + 'static {
    /// Its name, under which its checkpoint is kept. Another name is another projection, which starts
    /// from the first event.
    const NAME: &'static str;

    /// Raise it when the tables or [`apply`](Self::apply) change: the view is then built anew beside
    /// the one that is there, which is replaced once the new one is as far. A column whose type changes
    /// needs another name: PostgreSQL's connections remember the types of the queries they have seen.
    const VERSION: i64;

    /// Its tables.
    const TABLES: &'static [Table];

    /// The types of events that it wants; all, unless it says otherwise.
    fn types(&self) -> Types {
        Types::all()
    }

    /// Changes the tables of this view. Each event is applied once, in the order of the log; nothing
    /// else may be done here than to write to `tx`, since it may be rolled back and done again.
    ///
    /// # Errors
    /// The view stands still there and tries again: an event that is of no use is to be passed over
    /// with `Ok`.
    fn apply(
        &self,
        tx: &mut Tx,
        view: &View,
        event: &Recorded,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// An event could not be applied; the view stands still before it.
#[derive(Debug, thiserror::Error)]
#[error("the projection {projection} cannot apply {kind} at position {position}: {error}")]
pub struct ApplyError {
    pub(super) projection: &'static str,
    pub(super) kind: String,
    pub(super) position: i64,
    pub(super) error: BoxError,
}

use std::future::Future;

use super::HandlerError;
use crate::{Event, Tx};

/// What is done about an event, in one transaction.
pub trait Handler: Send + Sync + 'static {
    /// Who handles: the name in the inbox, and of the consumer and the bus' group. It must not change
    /// while events are on their way: under another name all would be new.
    const NAME: &'static str;

    /// Does what the event calls for, in the transaction that notes it as handled. What it
    /// [appends](crate::outbox::append()) is told if and only if that commits.
    ///
    /// It is called again after a failure, a lost process and in a race with another member of the
    /// group; only one transaction commits. SQLite allows one writer at a time, so a call that waits
    /// for something else in here holds up all others.
    ///
    /// # Errors
    /// [`Poison`](HandlerError::Poison) if it will never work, so that it becomes a dead letter now;
    /// [`Transient`](HandlerError::Transient), which `?` makes of a database error, to try again.
    fn handle(
        &self,
        tx: &mut Tx,
        event: &Event,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

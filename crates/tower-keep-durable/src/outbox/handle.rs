use std::sync::Arc;

use tokio::sync::Notify;

use super::{Relay, RelayConfig, append};
use crate::{Bus, Db, Event, Tx};

/// The outbox of one database. Clones are the same outbox: each wakes the relay that was made from
/// any of them.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub(super) db: Db,
    pub(super) wake: Arc<Notify>,
}

impl Outbox {
    /// The outbox in `db`, which was opened with [`SCHEMA`](super::SCHEMA).
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            db,
            wake: Arc::new(Notify::new()),
        }
    }

    /// [Appends](append()) the event to the transaction.
    ///
    /// # Errors
    /// The database fails, or the event is one that every bus refuses.
    pub async fn append(&self, tx: &mut Tx, event: &Event) -> Result<(), sqlx::Error> {
        append(tx, self.db.clock(), event).await
    }

    /// Commits, and wakes the relay of this process.
    ///
    /// # Errors
    /// The database fails; nobody knows whether it committed.
    pub async fn commit(&self, tx: Tx) -> Result<(), sqlx::Error> {
        tx.commit().await?;
        self.wake();
        Ok(())
    }

    /// Something was appended and has committed: the relay of this process looks at once. Forgotten,
    /// or called too early, it finds the event at its next poll.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// What publishes to `bus`. Make one in each process; they take turns.
    #[must_use]
    pub fn relay(&self, bus: Bus, config: RelayConfig) -> Relay {
        Relay::new(self.clone(), bus, config)
    }
}

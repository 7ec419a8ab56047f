use std::time::Duration;

use tokio::{runtime::Handle, task::AbortHandle, time::sleep};

use super::{Ticket, row};
use crate::{
    BoxError, Db,
    db::{micros, place},
    observe,
};

/// A [`Ticket`] of the layer whose lease is renewed while this lives. Dropped, the key is free again
/// unless its execution was finished; the database hears of it a moment later.
#[derive(Debug)]
pub struct Lease {
    db: Db,
    ticket: Ticket,
    length: Duration,
    runtime: Handle,
    heart: AbortHandle,
    finished: bool,
}

impl Lease {
    /// Must be called on a runtime, as all that asks the database.
    pub(super) fn new(db: Db, ticket: Ticket, length: Duration) -> Self {
        let runtime = Handle::current();
        let beating = beat(db.clone(), ticket.clone(), length);
        Self {
            heart: runtime.spawn(beating).abort_handle(),
            db,
            ticket,
            length,
            runtime,
            finished: false,
        }
    }

    /// Its key was finished: there is nothing to free.
    pub(super) fn end(mut self) {
        self.finished = true;
    }

    pub(super) fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Renews the lease now, which otherwise happens by itself; false if the key is finished or
    /// another's.
    ///
    /// # Errors
    /// The database fails.
    pub async fn renew(&self) -> Result<bool, BoxError> {
        renew(&self.db, &self.ticket, self.length).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heart.abort();
        if self.finished {
            return;
        }
        let (db, ticket) = (self.db.clone(), self.ticket.clone());
        // Should the runtime be gone, the lease runs out.
        self.runtime.spawn(async move {
            let released = async { row::release(&mut *db.pool().acquire().await?, &ticket).await };
            place("before a key is freed");
            // A database that does not answer: the lease runs out.
            let _ = released.await;
            place("after a key is freed");
        });
    }
}

async fn beat(db: Db, ticket: Ticket, length: Duration) {
    loop {
        sleep(length / 3).await;
        match renew(&db, &ticket, length).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => observe::failed("idempotency-lease", &error),
        }
    }
}

async fn renew(db: &Db, ticket: &Ticket, length: Duration) -> Result<bool, BoxError> {
    let renewed = sqlx::query(
        "UPDATE keep_idempotency SET leased_until = $1
         WHERE scope = $2 AND id = $3 AND owner = $4 AND state = 'running'",
    )
    .bind(db.now().saturating_add(micros(length)))
    .bind(&ticket.key.scope)
    .bind(&ticket.key.id)
    .bind(&ticket.owner)
    .execute(db.pool())
    .await?;
    Ok(renewed.rows_affected() == 1)
}

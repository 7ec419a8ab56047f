use std::sync::Arc;

use tokio::sync::Notify;
use tower_keep::context::Context;
use uuid::Uuid;

use super::{
    Saga, SagaError,
    store::{Entry, log},
};
use crate::{Db, Tx, db::micros};

/// The sagas of a database: starts them, shows them, and is what an operator talks to. Clones are the
/// same.
#[derive(Debug, Clone)]
pub struct Sagas {
    pub(super) db: Db,
    pub(super) wake: Arc<Notify>,
}

impl Sagas {
    /// The sagas of this database, which has the room's [`SCHEMA`](super::SCHEMA) and that of the
    /// [outbox](crate::outbox).
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self {
            db: db.clone(),
            wake: Arc::default(),
        }
    }

    /// Their database.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// Starts a saga in the transaction that makes what it is about, and answers its id, a new one.
    /// The correlation id and the trace of the [request](Context::current) that starts it go along to
    /// each step.
    ///
    /// [`wake`](Self::wake) the worker after the commit.
    ///
    /// # Errors
    /// The state does not serialize; the database fails.
    pub async fn start<S: Saga>(
        &self,
        tx: &mut Tx,
        saga: &S,
        state: &S::State,
    ) -> Result<String, SagaError> {
        let id = Uuid::now_v7().to_string();
        self.start_as(tx, &id, saga, state).await?;
        Ok(id)
    }

    /// Starts a saga of this id, unless there is one: then nothing is done and the answer is false.
    ///
    /// Participants know the id as the beginning of their keys: it must be unique among all sagas that
    /// talk to them.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_as<S: Saga>(
        &self,
        tx: &mut Tx,
        id: &str,
        saga: &S,
        state: &S::State,
    ) -> Result<bool, SagaError> {
        let spec = saga.plan().spec;
        let now = self.db.now();
        let context = Context::current();
        let correlation = context
            .as_ref()
            .map_or(id, |context| context.correlation_id().as_str());
        let trace = context
            .as_ref()
            .and_then(|context| context.trace_parent())
            .map(|trace| trace.to_string());
        let started = sqlx::query(
            "INSERT INTO keep_sagas (id, name, plan, shape, status, cursor, undo_left, attempt,
                 not_sent, ambiguous, epoch, lease_until, next_at, deadline_at, state, correlation,
                 traceparent, seq, created_at, logged_at)
             VALUES ($1, $2, $3, $4, 'running', 0, 0, 0, 0, 0, 0, 0, $5, $6, $7, $8, $9, 0, $5, $5)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(id)
        .bind(S::NAME)
        .bind(&spec.name)
        .bind(spec.shape())
        .bind(now)
        .bind(now.saturating_add(micros(spec.deadline)))
        .bind(serde_json::to_string(state)?)
        .bind(correlation)
        .bind(trace)
        .execute(&mut **tx)
        .await?;
        if started.rows_affected() == 0 {
            return Ok(false);
        }
        let entry = Entry {
            event: "started",
            step: "",
            attempt: 0,
            error: None,
        };
        log(tx, id, 0, &entry, (0, "running", "{}"), now).await?;
        Ok(true)
    }

    /// Has a worker of this process look at once; it finds what others started when it next polls.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

use std::{
    future::poll_fn,
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{MappedMutexGuard, Mutex as AsyncMutex, MutexGuard};
use tower_keep::context;
use tower_service::Service;

use super::{StepError, row::Row};
use crate::{BoxError, Db, Event, Tx, bus::Boxed};

/// What a step may use of the saga it belongs to.
#[derive(Debug)]
pub struct Cx {
    db: Db,
    saga: String,
    key: String,
    attempt: u32,
    ambiguous: bool,
    effects: AsyncMutex<Option<Tx>>,
    events: Mutex<Vec<Event>>,
}

/// What a step leaves to be committed with its log line.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) tx: Option<Tx>,
    pub(super) events: Vec<Event>,
}

impl Cx {
    pub(super) fn new(db: &Db, row: &Row, step: &str) -> Self {
        let attempt = row.position.attempt.saturating_add(1);
        let key = if cfg!(saga_mutant = "A") {
            format!("{}:{step}:{attempt}", row.id)
        } else {
            format!("{}:{step}", row.id)
        };
        Self {
            db: db.clone(),
            saga: row.id.clone(),
            key,
            attempt,
            ambiguous: row.position.ambiguous,
            effects: AsyncMutex::new(None),
            events: Mutex::default(),
        }
    }

    /// The id of the saga.
    #[must_use]
    pub fn saga_id(&self) -> &str {
        &self.saga
    }

    /// The idempotency key of the step, `saga:step`: the same for every try, and for its undo, so that
    /// a participant can refuse the step after the undo.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The number of this try, from 1; a try that was not sent does not count.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether an earlier try may have been executed. A participant without idempotency keys can then
    /// be asked first.
    #[must_use]
    pub const fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// How much of the time of this try is left. The layers of calls in it see the same
    /// [deadline](context::deadline).
    #[must_use]
    pub fn time_left(&self) -> Duration {
        context::deadline().map_or(Duration::MAX, context::Deadline::remaining)
    }

    /// The service's own database.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The transaction that logs the step: what is done in it is done if and only if the step is. So
    /// there is never a doubt about it, which is why the pivot is made with it.
    ///
    /// It is opened when it is first asked for and stays open until the step ends, and on SQLite
    /// nobody else writes meanwhile: call others before, not after. A step that fails undoes it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn local(&self) -> Result<Local<'_>, StepError> {
        let mut effects = self.effects.lock().await;
        let tx = match effects.take() {
            Some(tx) => tx,
            None => self.db.begin_write().await?,
        };
        let tx = MutexGuard::map(effects, |effects| effects.insert(tx));
        Ok(Local { tx })
    }

    /// Tells of something through the [outbox](crate::outbox), if and only if the step is done.
    pub fn publish(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
    }

    /// Calls a service, and takes its error for what [`StepError::of`] says.
    ///
    /// An HTTP answer is to be looked at as well: [`accept`](super::accept).
    ///
    /// The future is boxed: the compiler could not show that a step is `Send` if it held the future of
    /// a stack of layers whose error is a [`BoxError`].
    ///
    /// # Errors
    /// The service was not ready or failed.
    pub fn call<S, Request>(
        &self,
        mut service: S,
        request: Request,
    ) -> Boxed<'static, Result<S::Response, StepError>>
    where
        S: Service<Request> + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        Request: Send + 'static,
    {
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(StepError::of)?;
            service.call(request).await.map_err(StepError::of)
        })
    }

    /// Undoes what was done here, for a try that failed or is to be repeated.
    pub(super) async fn roll_back(&self) {
        let tx = self.effects.lock().await.take();
        if let Some(tx) = tx {
            // One that cannot be rolled back was not committed either.
            let _ = tx.rollback().await;
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.clear();
    }

    /// What the step leaves.
    pub(super) fn into_effects(self) -> Effects {
        let events = self.events.into_inner();
        Effects {
            tx: self.effects.into_inner(),
            events: events.unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// The transaction of a step; see [`Cx::local`].
#[derive(Debug)]
pub struct Local<'a> {
    tx: MappedMutexGuard<'a, Tx>,
}

impl Deref for Local<'_> {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for Local<'_> {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

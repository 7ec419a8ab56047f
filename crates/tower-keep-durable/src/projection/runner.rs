use std::{fmt, future::Future, time::Duration};

use super::{
    ApplyError, Projection, ReadModel,
    generations::{self, Generation},
};
use crate::{
    BoxError,
    common::worker::{self, Pass},
    event_store::{EventStore, Recorded},
    observe,
};

/// Keeps a view up to date.
///
/// Any number of processes may run the same projection: each batch is applied by one of them, since
/// the checkpoint is moved first, from where the batch begins, in the transaction that changes the
/// view. Dropped or killed at any point, the next goes on where the last commit was.
pub struct Runner<P> {
    store: EventStore,
    projection: P,
    batch: u32,
    poll: Duration,
    model: ReadModel,
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many events it went on by, on all generations of the view.
    pub events: usize,
    /// Whether a view that was built anew took the place of the one before.
    pub replaced: bool,
    /// Whether there may be more to do at once.
    pub more: bool,
}

impl<P: Projection> Runner<P> {
    /// Projects this log, up to 200 events in a transaction, looking for new ones every 50 ms.
    #[must_use]
    pub fn new(store: &EventStore, projection: P) -> Self {
        Self {
            model: ReadModel::new(store.db(), P::NAME),
            store: store.clone(),
            projection,
            batch: 200,
            poll: Duration::from_millis(50),
        }
    }

    /// Applies up to so many events in one transaction.
    #[must_use]
    pub fn batch(mut self, events: u32) -> Self {
        self.batch = events.max(1);
        self
    }

    /// Looks for new events so often.
    #[must_use]
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// How far it is, and to wait for it. Waiting wakes this runner.
    #[must_use]
    pub fn model(&self) -> ReadModel {
        self.model.clone()
    }

    /// Begins to build the view anew beside the one that is there, unless that has begun. It is done
    /// by the passes that follow, and replaces the other once it is as far.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rebuild(&self) -> Result<(), BoxError> {
        let there = generations::find::<P>(self.store.db()).await?;
        match there.last() {
            Some(last) if last.live && last.version <= P::VERSION => {
                generations::make::<P>(self.store.db(), last.number + 1, false).await
            }
            _ => Ok(()),
        }
    }

    /// Applies one batch to each generation of the view that this code is for. Dropped, it has been
    /// applied or not, as a whole.
    ///
    /// A process with older code than the live view's has nothing to do.
    ///
    /// # Errors
    /// An event cannot be applied, as [`ApplyError`], or read; the view stands still before it. Or
    /// the database fails.
    pub async fn pass(&self) -> Result<Progress, BoxError> {
        let db = self.store.db();
        let there = generations::find::<P>(db).await?;
        let more = Progress {
            more: true,
            ..Progress::default()
        };
        let Some(last) = there.last() else {
            generations::make::<P>(db, 1, true).await?;
            return Ok(more);
        };
        if last.version < P::VERSION {
            generations::make::<P>(db, last.number + 1, false).await?;
            return Ok(more);
        }
        let mut progress = Progress::default();
        for generation in there.iter().filter(|there| there.version == P::VERSION) {
            let events = self.go_on(generation).await?;
            progress.events += events;
            progress.more |= events > 0;
            if events == 0 && !generation.live {
                progress.replaced = generations::replace::<P>(db, generation).await?;
                progress.more |= !progress.replaced;
            }
        }
        if progress.events > 0 || progress.replaced {
            self.model.advanced.notify_waiters();
        }
        Ok(progress)
    }

    /// Passes until `stop`; see [`pass`](Self::pass) for what a drop leaves.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        worker::work(P::NAME, self.poll, &self.model.wake, stop, || async {
            let progress = self.pass().await;
            let lag = self.model.lag().await?;
            observe::lag(P::NAME, &lag);
            Ok(match progress?.more {
                true => Pass::Busy,
                false => Pass::Idle,
            })
        })
        .await;
    }

    /// Applies what follows to one generation, and says how many events that were.
    async fn go_on(&self, generation: &Generation) -> Result<usize, BoxError> {
        let events = self.store.read_all(generation.position, self.batch).await?;
        match self.apply(generation, &events).await? {
            Ok(applied) => Ok(applied),
            // What is before the event that fails need not wait for it.
            Err((applicable, error)) => {
                let _ = self.apply(generation, &events[..applicable]).await?;
                Err(error.into())
            }
        }
    }

    /// Applies the events in one transaction, or says how many of them can be.
    async fn apply(
        &self,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<Result<usize, (usize, ApplyError)>, BoxError> {
        let Some(last) = events.last() else {
            return Ok(Ok(0));
        };
        let db = self.store.db();
        let mut tx = db.begin_write().await?;
        let moved = sqlx::query(
            "UPDATE keep_projections SET position = $1, touched_at = $2
             WHERE name = $3 AND generation = $4 AND position = $5",
        )
        .bind(last.position)
        .bind(db.now())
        .bind(P::NAME)
        .bind(generation.number)
        .bind(generation.position)
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            // Another runner has applied them, or replaced the generation: look again.
            return Ok(Ok(events.len()));
        }
        let (types, view) = (self.projection.types(), generation.view::<P>());
        for (nth, event) in events.iter().enumerate() {
            if !types.contain(event.kind()) {
                continue;
            }
            if let Err(error) = self.projection.apply(&mut tx, &view, event).await {
                let error = ApplyError {
                    projection: P::NAME,
                    kind: event.kind().to_owned(),
                    position: event.position,
                    error,
                };
                tx.rollback().await?;
                return Ok(Err((nth, error)));
            }
        }
        tx.commit().await?;
        Ok(Ok(events.len()))
    }
}

impl<P: Projection> fmt::Debug for Runner<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("projection", &P::NAME)
            .finish_non_exhaustive()
    }
}

use std::marker::PhantomData;

use sqlx::AnyConnection;

use super::{Aggregate, EventStore, Expected, StoreError};
use crate::{Event, Tx};

/// How many events are read at a time.
const PAGE: u32 = 500;

/// Loads aggregates of one type and lets them decide.
#[derive(Debug, Clone)]
pub struct Repository<A> {
    store: EventStore,
    snapshot_every: i64,
    tries: u32,
    aggregate: PhantomData<fn() -> A>,
}

/// An aggregate as its stream has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded<A> {
    /// Its state; the default if it has no events.
    pub state: A,
    /// The version of its last event; 0 if it has none.
    pub version: i64,
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided<A> {
    /// The state after it.
    pub state: A,
    /// The version of its last event.
    pub version: i64,
    /// The position of the last event that was decided on; 0 if there was none.
    pub position: i64,
    /// What was decided: already appended, to be published if others are to know.
    pub events: Vec<Event>,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError<E> {
    /// The aggregate refuses.
    #[error(transparent)]
    Refused(E),
    /// The store fails, or others were faster each time: [`StoreError::Conflict`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<A: Aggregate> Repository<A> {
    /// Keeps a snapshot every 100 events, which bounds what is read for one decision, and tries a
    /// decision 5 times when others append at the same time.
    #[must_use]
    pub fn new(store: &EventStore) -> Self {
        Self {
            store: store.clone(),
            snapshot_every: 100,
            tries: 5,
            aggregate: PhantomData,
        }
    }

    /// Keeps a snapshot every so many events; 0 for never.
    #[must_use]
    pub fn snapshot_every(mut self, events: u32) -> Self {
        self.snapshot_every = events.into();
        self
    }

    /// Tries a decision so many times, at least once.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// The aggregate as it is now: its snapshot, and the events since.
    ///
    /// # Errors
    /// An event cannot be read or applied, or the database fails.
    pub async fn load(
        &self,
        connection: &mut AnyConnection,
        stream: &str,
    ) -> Result<Loaded<A>, StoreError> {
        let kept = self.store.snapshot(connection, stream, A::SHAPE).await?;
        let (mut state, mut version): (A, i64) = kept.unwrap_or_default();
        loop {
            let page = self.store.load(connection, stream, version, PAGE).await?;
            let last = page.len() < PAGE as usize;
            for recorded in page {
                version = recorded.version;
                apply(&mut state, stream, version, &recorded.event)?;
            }
            if last {
                return Ok(Loaded { state, version });
            }
        }
    }

    /// Lets the aggregate decide and appends what it decides, in the caller's transaction. If another
    /// appends in between, it is loaded again and decides again: `decide` is called once for each try
    /// and must do nothing but decide.
    ///
    /// # Errors
    /// The aggregate refuses; nothing was appended. Or the store fails.
    pub async fn decide<E>(
        &self,
        tx: &mut Tx,
        stream: &str,
        mut decide: impl FnMut(&A) -> Result<Vec<Event>, E>,
    ) -> Result<Decided<A>, DecideError<E>> {
        let mut tries = self.tries;
        loop {
            let Loaded { mut state, version } = self.load(tx, stream).await?;
            let events = decide(&state).map_err(DecideError::Refused)?;
            let expected = Expected::Version(version);
            let appended = match self.store.append(tx, stream, expected, &events).await {
                Err(StoreError::Conflict { .. }) if tries > 1 => {
                    tries -= 1;
                    continue;
                }
                appended => appended?,
            };
            for (version, event) in (version + 1..).zip(&events) {
                apply(&mut state, stream, version, event)?;
            }
            let every = self.snapshot_every;
            if every > 0 && appended.version / every > version / every {
                self.store
                    .save_snapshot(tx, stream, A::SHAPE, appended.version, &state)
                    .await?;
            }
            return Ok(Decided {
                state,
                version: appended.version,
                position: appended.position,
                events,
            });
        }
    }
}

fn apply<A: Aggregate>(
    state: &mut A,
    stream: &str,
    version: i64,
    event: &Event,
) -> Result<(), StoreError> {
    state.apply(event).map_err(|error| StoreError::Invalid {
        stream: stream.to_owned(),
        version,
        error,
    })
}

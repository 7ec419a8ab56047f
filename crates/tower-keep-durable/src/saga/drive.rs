//! Moves one saga on: what comes of a step is one commit, with its log line, its effects and its
//! events.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    Passed, SagaError, Status, Worker,
    attempt::Tried,
    cx::Effects,
    fault::Point,
    registry::{Registered, Verb},
    row::Row,
    state::{self, Next, Outcome, Position},
    store::{Entry, release, write},
};
use crate::{db::micros, observe, outbox};

/// What is to be committed.
struct Change {
    to: Position,
    event: &'static str,
    attempt: u32,
    error: Option<String>,
    state: Option<String>,
    effects: Effects,
}

/// How a commit went.
enum Committed {
    /// The next step can be tried at once.
    GoesOn,
    /// The saga has to wait or has ended; it was given back.
    Rests,
    /// It is somebody else's.
    Lost,
}

impl Worker {
    pub(super) async fn drive(&self, mut row: Row) -> Result<Passed, SagaError> {
        let Some(known) = self.registry.find(&row.plan).cloned() else {
            return Ok(Passed::Idle); // Only known plans are claimed.
        };
        self.hooks.point(Point::Claimed, &row).await;
        loop {
            let now = self.sagas.db.now();
            let change = match state::next(known.spec(), &row.position, row.deadline_at, now) {
                Next::Rest => {
                    release(&self.sagas.db, &row).await?;
                    return Ok(moved(row));
                }
                Next::Expire(to) => Change {
                    to,
                    event: "expired",
                    attempt: row.position.attempt,
                    error: row.error.clone(),
                    state: None,
                    effects: Effects::default(),
                },
                Next::Try => match self.attempt(&*known, &row).await {
                    Some(tried) => self.judge(&*known, &row, tried),
                    None => return Ok(lost(row)),
                },
            };
            match self.commit(&*known, &mut row, change).await? {
                Committed::GoesOn => {}
                Committed::Rests => return Ok(moved(row)),
                Committed::Lost => return Ok(lost(row)),
            }
        }
    }

    /// Where the outcome of a try leads.
    fn judge(&self, known: &dyn Registered, row: &Row, tried: Tried) -> Change {
        let at = &row.position;
        let now = self.sagas.db.now();
        let chance = fastrand::f64();
        Change {
            to: state::advance(
                known.spec(),
                at,
                row.deadline_at,
                tried.outcome,
                now,
                chance,
            ),
            event: event(verb(at), tried.outcome),
            attempt: at.attempt.saturating_add(1),
            error: tried.error,
            state: tried.state,
            effects: tried.effects,
        }
    }

    async fn commit(
        &self,
        known: &dyn Registered,
        row: &mut Row,
        change: Change,
    ) -> Result<Committed, SagaError> {
        let db = &self.sagas.db;
        let step = known.spec().steps[row.position.cursor].name;
        let now = db.now();
        let due = state::next(known.spec(), &change.to, row.deadline_at, now) != Next::Rest;
        let goes_on = due && !self.stopping.load(Ordering::Relaxed);
        let lease_until = match goes_on {
            true => now.saturating_add(micros(self.lease)),
            false => 0,
        };
        if let Some(state) = change.state {
            row.state = state;
        }
        let entry = Entry {
            event: change.event,
            step,
            attempt: change.attempt,
            error: change.error.as_deref(),
        };
        let mut tx = match change.effects.tx {
            Some(tx) => tx,
            None => db.begin_write().await?,
        };
        if !write(&mut tx, row, &change.to, lease_until, &entry, now).await? {
            tx.rollback().await?;
            return Ok(Committed::Lost);
        }
        for event in &change.effects.events {
            outbox::append(&mut tx, db.clock(), event).await?;
        }
        self.hooks.point(Point::BeforeCommit, row).await;
        tx.commit().await?;
        self.hooks.point(Point::AfterCommit, row).await;
        let (from, to) = (row.position.status, change.to.status);
        observe::saga_step(known.name(), change.event);
        if to != from && (to.is_end() || to == Status::Parked) {
            let age = now.saturating_sub(row.created_at);
            let age = Duration::from_micros(u64::try_from(age).unwrap_or_default());
            observe::saga_stands(known.name(), &row.id, to.as_str(), step, entry.error, age);
        }
        row.position = change.to;
        row.error = change.error;
        Ok(match goes_on {
            true => Committed::GoesOn,
            false => Committed::Rests,
        })
    }
}

/// What is done at a position.
pub(super) fn verb(at: &Position) -> Verb {
    match at.status {
        Status::Compensating => Verb::Undo,
        _ => Verb::Run,
    }
}

/// The outcome, as the log calls it.
pub(super) fn event(verb: Verb, outcome: Outcome) -> &'static str {
    match (verb, outcome) {
        (_, Outcome::Broken) => "broken",
        (Verb::Run, Outcome::Done) => "done",
        (Verb::Run, Outcome::Rejected) => "rejected",
        (Verb::Run, Outcome::NotSent(_)) => "not_sent",
        (Verb::Run, Outcome::Unknown) => "unknown",
        (Verb::Undo, Outcome::Done) => "undone",
        (Verb::Undo, Outcome::Rejected) => "undo_rejected",
        (Verb::Undo, Outcome::NotSent(_)) => "undo_not_sent",
        (Verb::Undo, Outcome::Unknown) => "undo_unknown",
    }
}

fn moved(row: Row) -> Passed {
    Passed::Moved {
        id: row.id,
        status: row.position.status,
    }
}

fn lost(row: Row) -> Passed {
    Passed::Lost { id: row.id }
}

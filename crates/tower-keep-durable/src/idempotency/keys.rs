use std::time::Duration;

#[cfg(saga_mutant = "G")]
use super::row::release;
use tower_keep::idempotency::Fingerprint;

use super::{Answer, KeyError, Keyed, Ticket, row::record, take::Found};
use crate::{Clock, Db, Tx, db::micros};

/// The keys of a database, and how long they are remembered.
#[derive(Debug, Clone)]
pub struct Keys {
    pub(super) clock: Clock,
    pub(super) keep_for: Duration,
}

impl Keys {
    /// Keys that are remembered for a day, as payment providers do: longer than anyone retries.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self {
            clock: db.clock().clone(),
            keep_for: Duration::from_secs(24 * 60 * 60),
        }
    }

    /// Remembers them for so long. It must be longer than a request may be late: a duplicate that
    /// comes after its key is forgotten is executed, and so is a request whose cancellation is.
    #[must_use]
    pub fn keep_for(mut self, keep_for: Duration) -> Self {
        self.keep_for = keep_for;
        self
    }

    /// Takes the key for work that begins and ends in this transaction, or says why not.
    ///
    /// Two that come at the same time: the second waits here until the first has committed or rolled
    /// back, and then gets its answer or the work. Dropped, the transaction is rolled back and
    /// nothing has happened.
    ///
    /// # Errors
    /// Any but [`KeyError::TakenOver`].
    pub async fn begin(&self, tx: &mut Tx, keyed: &Keyed) -> Result<Begun, KeyError> {
        self.begin_lasting(tx, keyed, "", Duration::ZERO).await
    }

    /// Takes the key for work that goes on after this transaction, such as calls of others.
    ///
    /// `subject` names what is worked on. For the time of the lease others are told
    /// [`KeyError::Running`]; whoever comes after it takes over and is told the subject, since the
    /// process that had it has died or is too slow: what it has done may be there.
    ///
    /// # Errors
    /// Any but [`KeyError::TakenOver`].
    pub async fn begin_lasting(
        &self,
        tx: &mut Tx,
        keyed: &Keyed,
        subject: &str,
        lease: Duration,
    ) -> Result<Begun, KeyError> {
        let fingerprint = Some(keyed.fingerprint);
        let found = self
            .take(tx, &keyed.key, fingerprint, subject, lease)
            .await?;
        // Not for a tombstone: cancellations have no fingerprint.
        let same = |there: Option<Fingerprint>| there == fingerprint || there.is_none();
        match found {
            Found::Fresh(ticket) => Ok(Begun::Fresh(ticket)),
            Found::Cancelled => Err(KeyError::Cancelled),
            Found::Running { fingerprint, .. } | Found::Ended { fingerprint, .. }
                if !same(fingerprint) =>
            {
                Err(KeyError::Conflict)
            }
            Found::Ended { answer, .. } => answer.map(Begun::Answered).ok_or(KeyError::Executed),
            Found::Running { left, .. } if !left.is_zero() => {
                Err(KeyError::Running { retry_after: left })
            }
            Found::Running {
                owner,
                subject,
                left,
                ..
            } => match self.take_over(tx, &keyed.key, &owner, lease).await? {
                Some(ticket) => Ok(Begun::Abandoned(ticket, subject)),
                None => Err(KeyError::Running {
                    retry_after: left.max(lease),
                }),
            },
        }
    }

    /// Records the answer under the key: a success and a business rejection alike, since a rejection
    /// that is not remembered lets a late duplicate succeed where the request was refused.
    ///
    /// # Errors
    /// [`KeyError::TakenOver`], or the database fails.
    pub async fn finish(
        &self,
        tx: &mut Tx,
        ticket: &Ticket,
        answer: &Answer,
    ) -> Result<(), KeyError> {
        #[cfg(saga_mutant = "G")]
        if answer.is_rejection() {
            return Ok(release(&mut *tx, ticket).await?);
        }
        let expires_at = self.clock.now().saturating_add(micros(self.keep_for));
        match record(&mut *tx, ticket, Some(answer), None, expires_at, false).await? {
            true => Ok(()),
            false => Err(KeyError::TakenOver),
        }
    }
}

/// What [`Keys::begin`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: do the work, and finish with this.
    Fresh(Ticket),
    /// The work on this subject was begun and its lease has run out: see what is done of it, do the
    /// rest, and finish with this.
    Abandoned(Ticket, String),
    /// It was done or rejected: give the same answer.
    Answered(Answer),
}

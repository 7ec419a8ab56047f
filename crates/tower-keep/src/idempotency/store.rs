use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, HeaderMap, StatusCode};

use super::{Fingerprint, Id};
use crate::{BoxError, common::answer::Answer};

/// Where keys and answers are kept.
///
/// A clone is the same store. The contract, which the layer relies on:
///
/// - Of all requests that `begin` an id at the same time, one gets [`Begun::Fresh`].
/// - A ticket that is dropped without `finish` frees its id: the next to begin gets `Fresh`.
/// - What `finish` was given is what later ones get, for `keep_for`.
pub trait Store: Clone {
    /// The right to execute, until it is finished or dropped.
    type Ticket;
    /// What `begin` returns.
    type Begin: Future<Output = Result<Begun<Self::Ticket>, BoxError>>;
    /// What `finish` returns.
    type Finish: Future<Output = Result<(), BoxError>>;

    /// Takes the id, or says what is there. Waits up to `max_wait` for one that is running; a store
    /// that cannot wait answers [`Begun::Running`] at once.
    fn begin(&self, id: Id, max_wait: Duration) -> Self::Begin;

    /// Keeps what came of it: the answer, or `None` for one that was given and cannot be kept.
    fn finish(
        &self,
        ticket: Self::Ticket,
        answer: Option<StoredAnswer>,
        keep_for: Duration,
    ) -> Self::Finish;

    /// Leaves in a request that is to be executed what its handler may know of it, such as the right
    /// to record its answer in the transaction of its effect. Nothing, unless a store has something.
    fn announce(&self, _ticket: &Self::Ticket, _extensions: &mut Extensions) {}
}

/// What [`Store::begin`] found.
#[derive(Debug)]
pub enum Begun<T> {
    /// Nothing: execute it.
    Fresh(T),
    /// It is running.
    Running,
    /// It was answered so.
    Answered(StoredAnswer),
    /// It was executed, and its answer could not be kept.
    Executed,
    /// There is no room for another id.
    Full,
}

/// An answer, with the fingerprint of the request that it answers.
#[derive(Clone, Debug)]
pub struct StoredAnswer {
    answer: Arc<Answer>,
    fingerprint: Option<Fingerprint>,
}

impl StoredAnswer {
    /// An answer from a store.
    #[must_use]
    pub fn new(
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
        fingerprint: Option<Fingerprint>,
    ) -> Self {
        Self::of(Answer::new(status, headers, body), fingerprint)
    }

    pub(super) fn of(answer: Answer, fingerprint: Option<Fingerprint>) -> Self {
        Self {
            answer: Arc::new(answer),
            fingerprint,
        }
    }

    pub(super) fn answer(&self) -> &Arc<Answer> {
        &self.answer
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status
    }

    /// The headers, without those of the connection.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.answer.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.answer.body()
    }

    /// The fingerprint of the request; none if the service did not read all of its body, and then
    /// requests are not compared.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.answer.weight()
    }
}

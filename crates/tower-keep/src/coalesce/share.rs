use std::{fmt, marker::PhantomData, sync::Arc};

use http::{HeaderName, Request, Response};
use http_body::Body as HttpBody;

use super::{Kept, Lead, Recording, rules};
use crate::{
    common::answer::Recorder,
    protocol::{Body, Grpc, Head, Http, Inspect, Protocol, Wire},
    rejection::Rejection,
};

/// Says which requests want the same: by equal keys. `None`: this one wants something of its own.
pub type KeyRule = dyn Fn(&Head<'_>) -> Option<Vec<u8>> + Send + Sync;

/// How the answers of a kind of service are shared.
pub trait Share<Req, Res, Err> {
    /// An answer, as those who wait get it.
    type Kept;
    /// What callers get.
    type Response;

    /// What the caller of this request understands.
    fn wire(&self, request: &Req) -> Wire;

    /// The key of a request that may share its answer: by `rule`, or the usual one with the fields
    /// `vary`.
    fn key(&self, request: &Req, rule: Option<&KeyRule>, vary: &[HeaderName]) -> Option<Vec<u8>>;

    /// A leader's outcome. Whatever becomes of `lead` is said in time; it is `None` for a call that
    /// leads nobody. `vary` is `None` if a rule made the key.
    ///
    /// # Errors
    /// That of the service.
    fn lead(
        &self,
        wire: Wire,
        outcome: Result<Res, Err>,
        lead: Option<Lead<Self::Kept>>,
        vary: Option<&[HeaderName]>,
        max_body: usize,
    ) -> Result<Self::Response, Err>;

    /// The answer for one who waited.
    fn follow(&self, wire: Wire, kept: &Self::Kept) -> Self::Response;
}

/// The same for every protocol that is HTTP.
macro_rules! share_http {
    ($protocol:ty) => {
        impl<ReqB, ResB, E> Share<Request<ReqB>, Response<ResB>, E> for $protocol
        where
            ReqB: HttpBody,
            ResB: HttpBody,
            E: 'static,
        {
            type Kept = Kept;
            type Response = Response<Body<ResB, Recording>>;

            fn wire(&self, request: &Request<ReqB>) -> Wire {
                Inspect::wire(self, request)
            }

            fn key(
                &self,
                request: &Request<ReqB>,
                rule: Option<&KeyRule>,
                vary: &[HeaderName],
            ) -> Option<Vec<u8>> {
                let head = Head::of(request);
                match rule {
                    Some(rule) => rule(&head).map(|mut key| {
                        // A head is no answer to a request for all of it, whatever the rule says.
                        key.push(Inspect::wire(self, request) as u8);
                        key
                    }),
                    // What the body says is not in the key.
                    None if !request.body().is_end_stream() => None,
                    None => rules::key(&head, vary),
                }
            }

            fn lead(
                &self,
                wire: Wire,
                outcome: Result<Response<ResB>, E>,
                lead: Option<Lead<Kept>>,
                vary: Option<&[HeaderName]>,
                max_body: usize,
            ) -> Result<Self::Response, E> {
                let recording = recording(wire, &outcome, lead, vary, max_body);
                self.hold(outcome, recording)
            }

            fn follow(&self, wire: Wire, kept: &Kept) -> Self::Response {
                kept.0.respond(wire)
            }
        }
    };
}

share_http!(Http);
share_http!(Grpc);

fn recording<B: HttpBody, E>(
    wire: Wire,
    outcome: &Result<Response<B>, E>,
    lead: Option<Lead<Kept>>,
    vary: Option<&[HeaderName]>,
    max_body: usize,
) -> Recording {
    let Some(lead) = lead else {
        return Recording::none();
    };
    let Ok(response) = outcome else {
        lead.fail();
        return Recording::none();
    };
    if Rejection::of(response).is_some_and(Rejection::is_callers_deadline) {
        // This caller had less time than those who wait: the lead goes to one of them.
        drop(lead);
        return Recording::none();
    }
    let recorder = rules::is_for_all(response, vary)
        .then(|| Recorder::start(wire, response, max_body))
        .flatten();
    match recorder {
        Some(recorder) => Recording::new(recorder, lead),
        None => {
            lead.release();
            Recording::none()
        }
    }
}

/// Services that are not HTTP, whose answers can be cloned. Made by
/// [`CoalesceLayer::plain_by`](super::CoalesceLayer::plain_by).
pub struct PlainBy<F, Res> {
    key: Arc<F>,
    answers: PhantomData<fn() -> Res>,
}

impl<F, Res> PlainBy<F, Res> {
    pub(super) fn new(key: F) -> Self {
        Self {
            key: Arc::new(key),
            answers: PhantomData,
        }
    }
}

impl<F, Req, Res, Err, K> Share<Req, Res, Err> for PlainBy<F, Res>
where
    F: Fn(&Req) -> Option<K>,
    K: Into<Vec<u8>>,
    Res: Clone,
{
    type Kept = Res;
    type Response = Res;

    fn wire(&self, _: &Req) -> Wire {
        Wire::Plain
    }

    fn key(&self, request: &Req, _: Option<&KeyRule>, _: &[HeaderName]) -> Option<Vec<u8>> {
        (self.key)(request).map(Into::into)
    }

    fn lead(
        &self,
        _: Wire,
        outcome: Result<Res, Err>,
        lead: Option<Lead<Res>>,
        _: Option<&[HeaderName]>,
        _: usize,
    ) -> Result<Res, Err> {
        if let Some(lead) = lead {
            match &outcome {
                Ok(answer) => lead.finish(answer.clone()),
                Err(_) => lead.fail(),
            }
        }
        outcome
    }

    fn follow(&self, _: Wire, kept: &Res) -> Res {
        kept.clone()
    }
}

// By hand: neither a closure nor answers need be `Clone` for that.
impl<F, Res> Clone for PlainBy<F, Res> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            answers: PhantomData,
        }
    }
}

impl<F, Res> fmt::Debug for PlainBy<F, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainBy").finish_non_exhaustive()
    }
}

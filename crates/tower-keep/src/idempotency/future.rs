use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, response};
use http_body::Body as HttpBody;
use pin_project::pin_project;
use tower_service::Service;

use super::{
    Begun, FingerprintedBody, Id, IdempotencyConfig, Store, StoredAnswer,
    fingerprint::{Plate, Press},
    reading::{poll_same, poll_whole},
    shared::Live,
};
use crate::{
    BoxError,
    classify::{self, Class, ResponseHead, Retry},
    common::answer::{Answer, ReadAhead, Recorder},
    context,
    protocol::{Body, Http, Protocol, Wire},
    rejection::{Kind, Rejection},
};

/// The answer of an [`Idempotency`](super::Idempotency).
///
/// Dropping it before the answer is there frees the key.
#[pin_project]
pub struct ResponseFuture<S, ReqB, ResB, St>
where
    S: Service<Request<FingerprintedBody<ReqB>>>,
    St: Store,
    ResB: HttpBody,
{
    #[pin]
    state: State<S, ReqB, ResB, St>,
    keyed: Option<Keyed<St>>,
    wire: Wire,
}

/// What a request with a key goes by.
pub(super) struct Keyed<St> {
    pub(super) live: Arc<Live>,
    pub(super) store: St,
    pub(super) config: Arc<IdempotencyConfig>,
}

/// A request with a key, before it is known what becomes of it.
pub(super) struct Terms<St> {
    pub(super) press: Press,
    pub(super) keyed: Keyed<St>,
}

#[pin_project(project = Projected)]
enum State<S, ReqB, ResB, St>
where
    S: Service<Request<FingerprintedBody<ReqB>>>,
    St: Store,
    ResB: HttpBody,
{
    /// Without a key.
    Passing(#[pin] S::Future),
    Refused(Option<Rejection>),
    Beginning {
        #[pin]
        begin: St::Begin,
        call: Option<(S, Request<ReqB>, Press)>,
    },
    Executing {
        #[pin]
        inner: S::Future,
        run: Option<(St::Ticket, Arc<Plate>)>,
    },
    /// Reading the answer, to keep it before it is given.
    Reading {
        body: Option<ReadAhead<ResB>>,
        head: Option<response::Parts>,
        recorder: Recorder,
        run: Option<(St::Ticket, Arc<Plate>)>,
    },
    Keeping {
        #[pin]
        finish: St::Finish,
        response: Option<Response<Body<ResB, ()>>>,
    },
    /// Reading a request whose key was used before, to see whether it is the same.
    Comparing {
        #[pin]
        body: ReqB,
        read: usize,
        press: Option<Press>,
        stored: StoredAnswer,
    },
}

impl<S, ReqB, ResB, St> ResponseFuture<S, ReqB, ResB, St>
where
    S: Service<Request<FingerprintedBody<ReqB>>>,
    St: Store,
    ResB: HttpBody,
{
    pub(super) fn passing(inner: S::Future, wire: Wire) -> Self {
        Self::new(State::Passing(inner), None, wire)
    }

    pub(super) fn refused(rejection: Rejection, wire: Wire) -> Self {
        Self::new(State::Refused(Some(rejection)), None, wire)
    }

    pub(super) fn begin(
        id: Id,
        terms: Terms<St>,
        service: S,
        request: Request<ReqB>,
        wire: Wire,
    ) -> Self {
        let Terms { press, keyed } = terms;
        let left = context::deadline().map(|deadline| deadline.remaining());
        let max_wait = keyed.config.max_wait;
        let begin = keyed
            .store
            .begin(id, left.map_or(max_wait, |left| left.min(max_wait)));
        let call = Some((service, request, press));
        Self::new(State::Beginning { begin, call }, Some(keyed), wire)
    }

    fn new(state: State<S, ReqB, ResB, St>, keyed: Option<Keyed<St>>, wire: Wire) -> Self {
        Self { state, keyed, wire }
    }
}

/// How soon to ask again for a request that is running.
const RUNNING_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Says that an answer was there before, as other servers with such keys do.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

impl<S, ReqB, ResB, St> Future for ResponseFuture<S, ReqB, ResB, St>
where
    S: Service<Request<FingerprintedBody<ReqB>>, Response = Response<ResB>>,
    S::Error: 'static,
    St: Store,
    ReqB: HttpBody<Data = Bytes>,
    ResB: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    type Output = Result<Response<Body<ResB, ()>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Projected::Passing(inner) = this.state.as_mut().project() {
                let response = ready!(inner.poll(cx))?;
                return Poll::Ready(Ok(response.map(Body::free)));
            }
            if let Projected::Refused(rejection) = this.state.as_mut().project() {
                let rejection = rejection.take().expect("polled after completion");
                return Poll::Ready(reject::<ResB, S::Error>(*this.wire, rejection));
            }
            let keyed = this.keyed.as_ref().expect("every other state has a key");
            let next = match this.state.as_mut().project() {
                Projected::Passing(_) | Projected::Refused(_) => unreachable!("see above"),
                Projected::Beginning { begin, call } => {
                    let begun = ready!(begin.poll(cx));
                    let (service, request, press) = call.take().expect("begun once");
                    keyed.begun(begun, service, request, press)
                }
                Projected::Executing { inner, run } => {
                    let response = match ready!(inner.poll(cx)) {
                        Ok(response) => response,
                        Err(error) => {
                            *run = None;
                            return Poll::Ready(Err(error));
                        }
                    };
                    if !is_final(&response) {
                        *run = None;
                        return Poll::Ready(Ok(response.map(Body::free)));
                    }
                    keyed.answered(*this.wire, response, run.take())
                }
                Projected::Reading {
                    body,
                    head,
                    recorder,
                    run,
                } => {
                    let reading = body.as_mut().expect("it is there until it was read");
                    let answer = ready!(poll_whole(reading, recorder, cx));
                    let body = body.take().expect("it was just read");
                    let head = head.take().expect("as is its head");
                    let response = Response::from_parts(head, Body::read_ahead(body));
                    // One that broke off, and so does what the caller gets, has happened all the same.
                    keyed.keep(answer, response, run.take())
                }
                Projected::Keeping { finish, response } => {
                    // What cannot be kept is given all the same: it has happened.
                    let _ = ready!(finish.poll(cx));
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(response));
                }
                Projected::Comparing {
                    body,
                    read,
                    press,
                    stored,
                } => {
                    let most = keyed.config.max_request_bytes;
                    let same = ready!(poll_same(body, read, press, stored, most, cx));
                    if same {
                        keyed.live.replays();
                        let mut headers = stored.headers().clone();
                        headers.insert(REPLAYED, HeaderValue::from_static("true"));
                        let answer = stored.answer().respond_with(*this.wire, headers);
                        return Poll::Ready(Ok(answer));
                    }
                    State::Refused(Some(keyed.live.refuse(Kind::IdempotencyMismatch)))
                }
            };
            this.state.set(next);
        }
    }
}

impl<St: Store> Keyed<St> {
    /// What follows from what the store has found.
    fn begun<S, ReqB, ResB>(
        &self,
        begun: Result<Begun<St::Ticket>, BoxError>,
        mut service: S,
        mut request: Request<ReqB>,
        press: Press,
    ) -> State<S, ReqB, ResB, St>
    where
        S: Service<Request<FingerprintedBody<ReqB>>>,
        ReqB: HttpBody<Data = Bytes>,
        ResB: HttpBody,
    {
        let rejection = match begun {
            Ok(Begun::Fresh(ticket)) => {
                self.live.executes();
                self.store.announce(&ticket, request.extensions_mut());
                let plate = Plate::new();
                let request =
                    request.map(|body| FingerprintedBody::new(body, press, plate.clone()));
                return State::Executing {
                    inner: service.call(request),
                    run: Some((ticket, plate)),
                };
            }
            Ok(Begun::Answered(stored)) => {
                return State::Comparing {
                    body: request.into_body(),
                    read: 0,
                    press: Some(press),
                    stored,
                };
            }
            Ok(Begun::Running) => self
                .live
                .refuse(Kind::IdempotencyConflict)
                .with_retry_after(Some(RUNNING_RETRY_AFTER)),
            Ok(Begun::Executed) => self.live.refuse(Kind::IdempotencyConflict),
            Ok(Begun::Full) => self.live.refuse(Kind::Overloaded {
                reason: "there is no room for another idempotency key",
            }),
            // Without the store nobody knows whether it was executed before.
            Err(_) => self.live.refuse(Kind::Overloaded {
                reason: "the store of idempotency keys does not answer",
            }),
        };
        State::Refused(Some(rejection))
    }

    /// What follows from the head of an answer that is to be kept.
    fn answered<S, ReqB, ResB>(
        &self,
        wire: Wire,
        response: Response<ResB>,
        run: Option<(St::Ticket, Arc<Plate>)>,
    ) -> State<S, ReqB, ResB, St>
    where
        S: Service<Request<FingerprintedBody<ReqB>>>,
        ResB: HttpBody<Data = Bytes>,
    {
        match Recorder::start(wire, &response, self.config.max_answer_bytes) {
            Some(recorder) => {
                let (head, body) = response.into_parts();
                State::Reading {
                    body: Some(ReadAhead::new(body)),
                    head: Some(head),
                    recorder,
                    run,
                }
            }
            None => self.keep(None, response.map(Body::free), run),
        }
    }

    /// Keeps an answer, or that there was one.
    fn keep<S, ReqB, ResB>(
        &self,
        answer: Option<Answer>,
        response: Response<Body<ResB, ()>>,
        run: Option<(St::Ticket, Arc<Plate>)>,
    ) -> State<S, ReqB, ResB, St>
    where
        S: Service<Request<FingerprintedBody<ReqB>>>,
        ResB: HttpBody,
    {
        let (ticket, plate) = run.expect("it is finished once");
        let answer = answer.map(|answer| StoredAnswer::of(answer.compact(), plate.taken()));
        State::Keeping {
            finish: self.store.finish(ticket, answer, self.config.keep_for),
            response: Some(response),
        }
    }
}

/// Whether an answer is the last word on the request: not one that asks to come back.
fn is_final<B>(response: &Response<B>) -> bool {
    let verdict = classify::head(Wire::Http, &ResponseHead::of(response)).so_far();
    verdict.class == Class::Success && verdict.retry == Retry::Never
}

fn reject<B: HttpBody, E: 'static>(
    wire: Wire,
    rejection: Rejection,
) -> Result<Response<Body<B, ()>>, E> {
    <Http as Protocol<Response<B>, E>>::reject(&Http::new(), wire, rejection)
}

impl<S, ReqB, ResB, St> fmt::Debug for ResponseFuture<S, ReqB, ResB, St>
where
    S: Service<Request<FingerprintedBody<ReqB>>>,
    St: Store,
    ResB: HttpBody,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

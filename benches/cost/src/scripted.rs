//! A service that does as its request says, so that a layer can be brought to its limits on the very
//! service that is timed.

use std::{
    cell::Cell,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_keep::{protocol::CarriesRejection, rejection::Rejection};

use crate::Empty;

/// A request that fails.
pub const FAIL: u64 = u64::MAX;

/// A request that is never answered.
pub const HANG: u64 = u64::MAX - 1;

/// A request that is answered when it is asked about a second time, as all that goes over a network.
pub const ONCE: u64 = u64::MAX - 2;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// How many calls a [`Scripted`] has begun on this thread.
#[must_use]
pub fn reached() -> u64 {
    CALLS.get()
}

/// How a scripted call fails. An error of a service's own, with a place for our refusals.
#[derive(Clone, Debug)]
pub enum Fault {
    /// As the request said.
    Failed,
    /// By a layer.
    Refused(Box<Rejection>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => f.write_str("failed"),
            Self::Refused(rejection) => rejection.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(Box::new(rejection))
    }
}

impl CarriesRejection for Fault {
    fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Failed => None,
            Self::Refused(rejection) => Some(rejection),
        }
    }
}

/// Answers numbers by what they are, and all HTTP requests at once.
#[derive(Clone, Copy, Debug)]
pub struct Scripted;

/// The answer, if there is to be one, and whether it takes a second look.
#[derive(Debug)]
pub struct ScriptedFuture<T> {
    answer: Option<Result<T, Fault>>,
    later: bool,
    is_begun: bool,
}

impl<T> ScriptedFuture<T> {
    #[inline]
    fn at_once(answer: T) -> Self {
        Self {
            answer: Some(Ok(answer)),
            later: false,
            is_begun: false,
        }
    }
}

impl<T: Unpin> Future for ScriptedFuture<T> {
    type Output = Result<T, Fault>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Some layers make the call, and drop it without a look at it: nothing has happened then.
        if !self.is_begun {
            self.is_begun = true;
            CALLS.set(CALLS.get() + 1);
        }
        if self.later {
            self.later = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.answer.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl tower_service::Service<u64> for Scripted {
    type Response = u64;
    type Error = Fault;
    type Future = ScriptedFuture<u64>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, n: u64) -> Self::Future {
        match n {
            FAIL => ScriptedFuture {
                answer: Some(Err(Fault::Failed)),
                later: false,
                is_begun: false,
            },
            HANG => ScriptedFuture {
                answer: None,
                later: false,
                is_begun: false,
            },
            ONCE => ScriptedFuture {
                answer: Some(Ok(n)),
                later: true,
                is_begun: false,
            },
            n => ScriptedFuture::at_once(n),
        }
    }
}

impl<B> tower_service::Service<Request<B>> for Scripted {
    type Response = Response<Empty>;
    type Error = Fault;
    type Future = ScriptedFuture<Response<Empty>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, _: Request<B>) -> Self::Future {
        ScriptedFuture::at_once(Response::new(Empty::new()))
    }
}

/// The same with axum's body in the answer, which `tower_governor` insists on.
#[derive(Clone, Copy, Debug)]
pub struct ScriptedAxum;

impl<B> tower_service::Service<Request<B>> for ScriptedAxum {
    type Response = Response<axum::body::Body>;
    type Error = Fault;
    type Future = ScriptedFuture<Response<axum::body::Body>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, _: Request<B>) -> Self::Future {
        ScriptedFuture::at_once(Response::new(axum::body::Body::empty()))
    }
}

//! The seam between what a layer decides and what that looks like on the wire.
//!
//! A layer is written once. [`Http`] (the default of every layer), [`Grpc`] and [`Plain`] say how a
//! call is turned away, how long it lasts and what counts as a failure:
//!
//! | | a refusal is | a call lasts until | a failure is |
//! |---|---|---|---|
//! | [`Http`] | a response: status, `Retry-After`, problem+json; a trailers-only status if the request is gRPC | the end, error or drop of the response body | 5xx, a transport error, a body that breaks off |
//! | [`Grpc`] | a trailers-only status | the trailers | the codes of [`GrpcCode`](crate::classify::GrpcCode) that blame the server |
//! | [`Plain`] | `Err(E)` where `E: CarriesRejection` | the future's end | `Err` |
//!
//! `Http` and `Grpc` leave the error type alone, so that `Infallible` stays `Infallible` and an axum
//! router needs no `HandleErrorLayer`.
//!
//! A service of your own kind fits by implementing [`Protocol`] and [`Inspect`].

mod body;
mod grpc;
mod http;
mod inspect;
mod plain;

pub(crate) use self::http::own_answer;
pub use self::{
    body::Body,
    grpc::Grpc,
    http::Http,
    inspect::{Head, Inspect, Wire},
    plain::{By, CarriesRejection, ErrIsFailure, Plain},
};

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use ::http::HeaderMap;
use bytes::Bytes;
use http_body::Frame;

use crate::{BoxError, classify::Judgment, rejection::Rejection};

/// The answers of a kind of service: how a layer refuses, judges and accompanies a call.
pub trait Protocol<Res, Err> {
    /// The response with whatever must live as long as the call.
    type Response<G: Guard>;

    /// Turns a call away.
    fn reject<G: Guard>(&self, wire: Wire, rejection: Rejection) -> Result<Self::Response<G>, Err>;

    /// Says how the call went, as far as the head of its answer tells.
    fn judge(&self, wire: Wire, outcome: &Result<Res, Err>) -> Judgment;

    /// Keeps `guard` until the call is over.
    fn hold<G: Guard>(&self, outcome: Result<Res, Err>, guard: G)
    -> Result<Self::Response<G>, Err>;

    /// The same for a guard that is made if there is need of it.
    #[inline]
    fn hold_by<G: Guard>(
        &self,
        outcome: Result<Res, Err>,
        guard: impl FnOnce() -> G,
    ) -> Result<Self::Response<G>, Err> {
        self.hold(outcome, guard())
    }

    /// The same for a guard that was just taken out of its place.
    ///
    /// Not to panic where it was gone lets the compiler move the outcome less often. Nobody who keeps to
    /// the contract of futures sees the difference.
    ///
    /// # Panics
    /// If it was gone, unless the protocol has another way.
    #[inline]
    fn hold_taken<G: Guard>(
        &self,
        outcome: Result<Res, Err>,
        guard: Option<G>,
    ) -> Result<Self::Response<G>, Err> {
        self.hold(outcome, guard.expect("polled after completion"))
    }

    /// The refusal that an outcome is, if a layer inside turned the call away.
    fn rejection<'a>(&self, outcome: &'a Result<Res, Err>) -> Option<&'a Rejection> {
        let _ = outcome;
        None
    }

    /// The headers of an answer, if it has any.
    fn answer_headers<'a>(&self, outcome: &'a Result<Res, Err>) -> Option<&'a HeaderMap> {
        let _ = outcome;
        None
    }

    /// The headers of an answer, ours or the service's, to add to.
    fn answer_headers_mut<'a, G: Guard>(
        &self,
        response: &'a mut Self::Response<G>,
    ) -> Option<&'a mut HeaderMap> {
        let _ = response;
        None
    }
}

/// What lives as long as a call: a permit, a timer, a verdict that is still open.
///
/// A guard that is dropped without [`end`](Guard::end) belongs to a call that was given up.
pub trait Guard {
    /// The call is over.
    fn end(self: Pin<&mut Self>, end: End<'_>);

    /// Whether the end of a call means anything to it. One for which it does not has nothing to do
    /// where a call is over with its head, and may not even be made there.
    const MINDS_END: bool = true;

    /// Whether there is nothing for it to do: of a layer that is switched off, for instance. It is
    /// dropped then where the answer would begin, without [`end`](Guard::end), and its body is bare.
    #[inline]
    fn is_idle(&self) -> bool {
        false
    }

    /// A frame of the response body went through, with this data.
    fn on_frame(self: Pin<&mut Self>, data: &Bytes) {
        let _ = data;
    }

    /// Asked when the response body has nothing to give; cuts it off by returning a rejection.
    ///
    /// Must register the waker of `cx` when it returns `Pending` and means to cut later.
    fn poll_cut(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Rejection> {
        let _ = cx;
        Poll::Pending
    }

    /// Whether the guard stands between the body and its reader: whether
    /// [`intercept`](Guard::intercept) is asked.
    const INTERCEPTS: bool = false;

    /// Gives the reader what it gets in place of `poll`, which polls the response body.
    ///
    /// An end or an error from here is the last that the reader gets.
    fn intercept(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> PolledFrame,
    ) -> PolledFrame {
        poll(cx)
    }

    /// Runs `poll`, which polls the response body, in whatever surroundings it needs.
    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        poll()
    }
}

/// What polling a body gives.
pub type PolledFrame = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

/// Nothing to keep: for a layer that answers some calls itself and lets the others be.
impl Guard for () {
    const MINDS_END: bool = false;

    #[inline]
    fn is_idle(&self) -> bool {
        true
    }

    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}
}

/// How a call ended that was not given up.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// The answer is complete.
    Complete {
        /// The trailers, if there were any.
        trailers: Option<&'a HeaderMap>,
    },
    /// The answer broke off with an error.
    Failed,
}

impl End<'_> {
    /// Complete, with no trailers.
    pub const COMPLETE: End<'static> = End::Complete { trailers: None };
}

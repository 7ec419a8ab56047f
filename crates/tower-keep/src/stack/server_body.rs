use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project::pin_project;

use crate::{
    BoxError, adaptive, bulkhead, catch_panic::PanicGuard, correlation_id::InContext,
    decision::Recorded, load_shed, protocol::Body, timeout::BodyTimer,
};

/// The body of a response of a [`ServerService`](super::ServerService).
#[pin_project]
pub struct ServerBody<B: HttpBody<Data = Bytes, Error: Into<BoxError>>>(#[pin] Watched<B>);

#[pin_project(project = WatchedProjected)]
#[expect(
    clippy::large_enum_variant,
    reason = "the small one is the usual one, and a box for each call would cost more than it saves"
)]
enum Watched<B: HttpBody<Data = Bytes, Error: Into<BoxError>>> {
    Few(#[pin] Few<B>),
    All(Pin<Box<All<B>>>),
}

/// As the layers that are on as a rule leave it.
type Few<B> = Body<Body<Body<Body<B, PanicGuard>, adaptive::Permit>, BodyTimer>, InContext>;

/// As all layers leave it.
type All<B> = Body<
    Body<
        Body<
            Body<
                Body<
                    Body<Body<Body<B, PanicGuard>, bulkhead::Permit>, adaptive::Permit>,
                    load_shed::Permit,
                >,
                (),
            >,
            BodyTimer,
        >,
        InContext,
    >,
    Recorded,
>;

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>>> ServerBody<B> {
    #[inline]
    pub(super) fn few(body: Few<B>) -> Self {
        Self(Watched::Few(body))
    }

    pub(super) fn all(body: All<B>) -> Self {
        Self(Watched::All(Box::pin(body)))
    }
}

impl<B> HttpBody for ServerBody<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().0.project() {
            WatchedProjected::Few(body) => body.poll_frame(cx),
            WatchedProjected::All(body) => body.as_mut().poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Watched::Few(body) => body.is_end_stream(),
            Watched::All(body) => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Watched::Few(body) => body.size_hint(),
            Watched::All(body) => body.size_hint(),
        }
    }
}

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>>> fmt::Debug for ServerBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBody").finish_non_exhaustive()
    }
}

//! What an answer of ours looks like in each protocol.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Body as HttpBody;

use super::{Failed, FallbackAnswer, state};
use crate::{
    classify::Classify,
    common::answer::{Answer, Recorder},
    protocol::{Body, CarriesRejection, Grpc, Guard, Http, Plain, Protocol, Wire, own_answer},
    rejection::Rejection,
};

/// What this layer needs to know of a protocol beyond [`Protocol`]; a protocol of your own that keeps
/// no answers gives `None` for them.
pub trait Gives<Res, Err>: Protocol<Res, Err> {
    /// What a function of the user gives.
    type Given;

    /// Whether functions can answer callers of this kind.
    fn can_give(&self, wire: Wire) -> bool;

    /// The refusal and the status of an answer.
    fn look<'a>(
        &self,
        outcome: &'a Result<Res, Err>,
    ) -> (Option<&'a Rejection>, Option<StatusCode>);

    /// The outcome itself, if functions can have it; drops it otherwise.
    fn take(&self, outcome: Result<Res, Err>) -> Option<Self::Given>;

    /// An answer of ours; `header` says whether it is to be told in a header.
    fn give<G: Guard>(
        &self,
        wire: Wire,
        given: Self::Given,
        failed: &Failed,
        header: bool,
    ) -> Result<Self::Response<G>, Err>;

    /// An answer that was kept, with these headers.
    fn give_kept<G: Guard>(
        &self,
        wire: Wire,
        kept: KeptAnswer,
        failed: &Failed,
        header: bool,
    ) -> Option<Result<Self::Response<G>, Err>>;

    /// Marks the answer of another service.
    fn mark<G: Guard>(&self, response: &mut Self::Response<G>, failed: &Failed, header: bool);

    /// Begins to keep an answer, if it may be kept.
    fn record(
        &self,
        wire: Wire,
        outcome: &Result<Res, Err>,
        keyed: &[HeaderName],
        cap: usize,
    ) -> Option<Recording>;
}

/// A good answer to an earlier call.
#[derive(Debug)]
pub struct KeptAnswer {
    pub(super) answer: Arc<Answer>,
    pub(super) headers: HeaderMap,
}

/// A good answer on its way, while it is being kept.
#[derive(Debug)]
pub struct Recording(pub(super) Recorder);

const FALLBACK: HeaderName = HeaderName::from_static("x-fallback");

fn marked<B>(
    mut response: Response<B>,
    failed: &Failed,
    header: bool,
    is_stale: bool,
) -> Response<B> {
    mark(&mut response, failed, header, is_stale);
    response
}

fn mark<B>(response: &mut Response<B>, failed: &Failed, header: bool, is_stale: bool) {
    if header {
        let cause = HeaderValue::from_static(failed.as_str());
        let _ = response.headers_mut().try_insert(FALLBACK, cause);
    }
    let extensions = response.extensions_mut();
    extensions.insert(FallbackAnswer {
        cause: failed.cause,
        is_stale,
    });
    if let Some(rejection) = &failed.rejection {
        extensions.insert(rejection.clone());
    }
}

macro_rules! gives_http {
    ($protocol:ty, $can_give:expr) => {
        impl<B, E> Gives<Response<B>, E> for $protocol
        where
            B: HttpBody,
            E: 'static,
        {
            type Given = Response<Bytes>;

            fn can_give(&self, wire: Wire) -> bool {
                let can_give: fn(Wire) -> bool = $can_give;
                can_give(wire)
            }

            fn look<'a>(
                &self,
                outcome: &'a Result<Response<B>, E>,
            ) -> (Option<&'a Rejection>, Option<StatusCode>) {
                let response = outcome.as_ref().ok();
                (
                    response.and_then(Rejection::of),
                    response.map(Response::status),
                )
            }

            fn take(&self, _: Result<Response<B>, E>) -> Option<Response<Bytes>> {
                None
            }

            fn give<G: Guard>(
                &self,
                wire: Wire,
                given: Response<Bytes>,
                failed: &Failed,
                header: bool,
            ) -> Result<Self::Response<G>, E> {
                Ok(own_answer(wire, marked(given, failed, header, false)))
            }

            fn give_kept<G: Guard>(
                &self,
                wire: Wire,
                kept: KeptAnswer,
                failed: &Failed,
                header: bool,
            ) -> Option<Result<Self::Response<G>, E>> {
                let response = kept.answer.respond_with(wire, kept.headers);
                Some(Ok(marked(response, failed, header, true)))
            }

            fn mark<G: Guard>(
                &self,
                response: &mut Response<Body<B, G>>,
                failed: &Failed,
                header: bool,
            ) {
                mark(response, failed, header, false);
                // Another service answered, and was not refused.
                response.extensions_mut().remove::<Rejection>();
            }

            fn record(
                &self,
                wire: Wire,
                outcome: &Result<Response<B>, E>,
                keyed: &[HeaderName],
                cap: usize,
            ) -> Option<Recording> {
                let response = outcome.as_ref().ok()?;
                state::may_keep_answer(response.status(), response.headers(), keyed)
                    .then(|| Recorder::start(wire, response, cap))?
                    .map(Recording)
            }
        }
    };
}

gives_http!(Http, |wire| wire != Wire::Grpc);
gives_http!(Grpc, |_| true);

impl<T, E, C> Gives<T, E> for Plain<C>
where
    E: CarriesRejection,
    C: Classify<T, E>,
{
    type Given = Result<T, E>;

    fn can_give(&self, _: Wire) -> bool {
        true
    }

    fn look<'a>(&self, outcome: &'a Result<T, E>) -> (Option<&'a Rejection>, Option<StatusCode>) {
        let error = outcome.as_ref().err();
        (error.and_then(CarriesRejection::rejection), None)
    }

    fn take(&self, outcome: Result<T, E>) -> Option<Result<T, E>> {
        Some(outcome)
    }

    fn give<G: Guard>(&self, _: Wire, given: Result<T, E>, _: &Failed, _: bool) -> Result<T, E> {
        given
    }

    fn give_kept<G: Guard>(
        &self,
        _: Wire,
        _: KeptAnswer,
        _: &Failed,
        _: bool,
    ) -> Option<Result<T, E>> {
        None
    }

    fn mark<G: Guard>(&self, _: &mut T, _: &Failed, _: bool) {}

    fn record(&self, _: Wire, _: &Result<T, E>, _: &[HeaderName], _: usize) -> Option<Recording> {
        None
    }
}

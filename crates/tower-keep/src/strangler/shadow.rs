use std::{future::poll_fn, pin::pin};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use http_body::Body as HttpBody;
use tokio::{sync::oneshot, time::timeout_at};
use tower_service::Service;

use super::{Side, StranglerConfig, shared::Shared};
use crate::{
    common::{
        answer::{Answer, Recorder},
        clock,
    },
    context,
    protocol::{End, Wire},
};

/// Whether calls also go to the other side, in the background.
///
/// Implemented by [`NoShadow`], which asks nothing of the services, and [`ShadowReads`].
pub trait Shadow<S, ReqB> {
    /// Sends a copy of `request` to `other`, if it is to be, and says where to send the answer of the
    /// first one to.
    #[doc(hidden)]
    fn start(
        &self,
        shared: &Shadowing<'_>,
        answers: Side,
        other: &S,
        request: &Request<ReqB>,
    ) -> Option<Answers>;
}

/// What a shadow needs of its layer.
#[derive(Debug)]
pub struct Shadowing<'a>(pub(super) &'a Shared);

/// Where the answer goes that is compared with that of the shadow.
#[derive(Debug)]
pub struct Answers {
    pub(super) sender: oneshot::Sender<Answer>,
    pub(super) max_bytes: usize,
}

/// Request extension and header `x-shadow-request` of the calls in the shadow: nobody waits for their
/// answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadowed;

const SHADOW_REQUEST: HeaderName = HeaderName::from_static("x-shadow-request");

/// No call goes to both.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoShadow;

impl<S, ReqB> Shadow<S, ReqB> for NoShadow {
    fn start(&self, _: &Shadowing<'_>, _: Side, _: &S, _: &Request<ReqB>) -> Option<Answers> {
        None
    }
}

/// A share of the reads goes to both: `GET` and `HEAD` without a body or an `Upgrade`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShadowReads;

impl<S, ReqB, ResB> Shadow<S, ReqB> for ShadowReads
where
    S: Service<Request<ReqB>, Response = Response<ResB>, Error: Send, Future: Send>
        + Clone
        + Send
        + 'static,
    ReqB: HttpBody + Default + Send + 'static,
    ResB: HttpBody<Data = Bytes> + Send + 'static,
{
    fn start(
        &self,
        shared: &Shadowing<'_>,
        answers: Side,
        other: &S,
        request: &Request<ReqB>,
    ) -> Option<Answers> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        // A connection can change its protocol for one of them only.
        let is_upgrade = request.headers().contains_key(header::UPGRADE);
        if !is_read || is_upgrade || !request.body().is_end_stream() {
            return None;
        }
        let (place, config) = shared.0.place()?;
        let (sender, receiver) = oneshot::channel();
        let shared = shared.0.clone();
        let (service, copy) = (other.clone(), copy(request));
        context::spawn(async move {
            let until = clock::now() + config.shadow_timeout;
            let shadow = match timeout_at(until, run(service, copy, &config)).await {
                Ok(Some(shadow)) => shadow,
                // The answer is too large: there is nothing to compare.
                Ok(None) => return,
                Err(_) => {
                    let difference = "no answer in the shadow in time";
                    return shared.compared(Some(difference.to_owned()));
                }
            };
            // The caller gave up, or reads slowly, which is not the shadow's doing.
            let Ok(Ok(answer)) = timeout_at(until, receiver).await else {
                return;
            };
            drop(place);
            let (old, new) = match answers {
                Side::Old => (answer, shadow),
                Side::New => (shadow, answer),
            };
            shared.compare(&old, &new);
        });
        Some(Answers {
            sender,
            max_bytes: config.max_compared_bytes,
        })
    }
}

/// The same request, without its body, which is empty.
fn copy<ReqB: Default>(request: &Request<ReqB>) -> Request<ReqB> {
    let mut copy = Request::new(ReqB::default());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy.extensions_mut().insert(Shadowed);
    let marked = HeaderValue::from_static("true");
    // A map that is full of the caller's headers goes without.
    let _ = copy.headers_mut().try_insert(SHADOW_REQUEST, marked);
    copy
}

/// The answer in the shadow, once it is whole.
async fn run<S, ReqB, ResB>(
    mut service: S,
    request: Request<ReqB>,
    config: &StranglerConfig,
) -> Option<Answer>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: HttpBody<Data = Bytes>,
{
    let wire = if *request.method() == Method::HEAD {
        Wire::HeadOnly
    } else {
        Wire::Http
    };
    poll_fn(|cx| service.poll_ready(cx)).await.ok()?;
    match service.call(request).await {
        Ok(response) => whole(wire, response, config.max_compared_bytes).await,
        Err(_) => Some(Answer::new(
            http::StatusCode::BAD_GATEWAY,
            http::HeaderMap::new(),
            Bytes::new(),
        )),
    }
}

/// An answer with all of its body, if that is small enough.
async fn whole<B: HttpBody<Data = Bytes>>(
    wire: Wire,
    response: Response<B>,
    max_bytes: usize,
) -> Option<Answer> {
    let mut recorder = Recorder::start(wire, &response, max_bytes)?;
    let mut body = pin!(response.into_body());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.ok()?;
        match frame.data_ref() {
            Some(data) => recorder.on_frame(data),
            None => {
                let trailers = frame.trailers_ref();
                return recorder.end(End::Complete { trailers });
            }
        }
        if recorder.is_over() {
            return None;
        }
    }
    recorder.end(End::COMPLETE)
}

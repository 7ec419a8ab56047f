//! Answers whose bodies go on.

use std::{convert::Infallible, future::ready};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::{Request, Response};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::bulkhead::BulkheadLayer;
use tower_resilience_bulkhead::BulkheadLayer as Theirs;

use crate::{
    case::{Case, Outcome, situation},
    support::request,
};

pub(crate) fn cases() -> Vec<Case> {
    vec![e4_streaming_bodies::case(), w24_streaming_bodies::case()]
}

/// The head comes at once, the body goes on.
fn streaming()
-> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(|_: Request<Body>| {
        let body = stream::pending::<Result<Bytes, Infallible>>();
        ready(Ok(Response::new(Body::from_stream(body))))
    })
}

/// Ten calls, and how many bodies stream at once.
async fn bodies<S, B>(service: S) -> Outcome
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
{
    let mut bodies = Vec::new();
    for _ in 0..10 {
        if let Some(Ok(answer)) = service.clone().oneshot(request()).now_or_never() {
            bodies.extend(answer.status().is_success().then_some(answer));
        }
    }
    let at_once = bodies.len();
    Outcome::new(at_once == 2, format!("{at_once} at once"))
}

situation! {
    e4_streaming_bodies: "E4", "a limit of 2 that sheds, and answers whose bodies go on";
    peer "tower" => paused (|| bodies(
        ServiceBuilder::new()
            .load_shed()
            .layer(tower::limit::GlobalConcurrencyLimitLayer::new(2))
            .service(streaming())
    ));
    ours => paused (|| bodies(BulkheadLayer::new(2).layer(streaming())));
}

situation! {
    w24_streaming_bodies: "W24b", "a bulkhead of 2 that refuses, and answers whose bodies go on";
    peer "tower-resilience-bulkhead" => paused (|| bodies(
        Theirs::builder()
            .max_concurrent_calls(2)
            .reject_when_full()
            .build()
            .expect("valid")
            .layer(streaming())
    ));
    ours => paused (|| bodies(BulkheadLayer::new(2).layer(streaming())));
}

//! Calls that a deadline of this crate gives up.

use std::{convert::Infallible, future::pending};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::StreamBody;
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    circuit_breaker::{Breaker, CircuitBreakerHandle},
    common::cancel::{Reason, because},
    protocol::Http,
};

/// Failures and calls that the breaker has counted.
fn counted(handle: &CircuitBreakerHandle) -> (u64, u64) {
    let now = handle.snapshot();
    (now.failures, now.calls)
}

#[tokio::test(start_paused = true)]
async fn before_the_head_it_is_a_failure_however_short_it_was() {
    let breaker = Breaker::new();
    let call = || {
        breaker.call_with(
            Http::new(),
            pending::<Result<Response<String>, Infallible>>(),
        )
    };
    drop(call());
    assert_eq!(counted(&breaker.handle()), (0, 0), "the caller left");
    let future = call();
    because(Reason::Deadline, || drop(future));
    assert_eq!(counted(&breaker.handle()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn in_the_body_it_is_a_failure_and_a_caller_that_leaves_is_none() {
    let breaker = Breaker::new();
    let mut service = breaker.layer().layer(service_fn(async |_: Request<()>| {
        let frames = futures_util::stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>();
        Ok::<_, Infallible>(Response::new(StreamBody::new(frames)))
    }));
    let Ok(left) = service.call(Request::new(())).await;
    drop(left);
    assert_eq!(counted(&breaker.handle()), (0, 1), "the head was good");
    let Ok(cut) = service.call(Request::new(())).await;
    because(Reason::Deadline, || drop(cut));
    assert_eq!(counted(&breaker.handle()), (1, 2));
}

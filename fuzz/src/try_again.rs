use std::{cell::Cell, rc::Rc, time::Duration};

use http::{Response, StatusCode};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    rate_limit::{Rate, RateLimitConfig, RateLimitLayer},
    retry::RetryLayer,
};
use tower_layer::Layer;

use crate::input;

/// A client under an upstream that answers 503 with any headers: it stops after its attempts, and no
/// header makes it wait, then or for its next call, longer than its own limits.
pub fn try_again(bytes: &[u8]) {
    let headers = input::headers(bytes);
    let calls = Rc::new(Cell::new(0));
    let upstream = service_fn({
        let calls = Rc::clone(&calls);
        move |_: http::Request<_>| {
            calls.set(calls.get() + 1);
            let mut response = Response::new(input::empty());
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            *response.headers_mut() = headers.clone();
            async { Ok::<_, BoxError>(response) }
        }
    });
    let limit = RateLimitConfig::client(Rate::per_second(100), Duration::from_secs(5));
    let limit = RateLimitLayer::from_config(limit).expect("valid");
    let client = RetryLayer::default().layer(limit.layer(upstream));
    input::run(async {
        let start = Instant::now();
        let answer = client.oneshot(input::request(http::HeaderMap::new())).await;
        let _ = answer.expect("an answer is no error");
        assert!(
            start.elapsed() <= Duration::from_secs(120),
            "{:?}",
            start.elapsed()
        );
    });
    assert!((1..=3).contains(&calls.get()), "{} attempts", calls.get());
}

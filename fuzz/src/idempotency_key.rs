use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::{Method, Response, StatusCode};
use tower::{ServiceExt, service_fn};
use tower_keep::{BoxError, idempotency::IdempotencyLayer};
use tower_layer::Layer;

use crate::input::{self, Request};

/// `Idempotency-Key`: a write with a key that is taken happens once however often it is sent, one with
/// a key that is not well formed does not happen, and neither makes the service fail.
pub fn idempotency_key(bytes: &[u8]) {
    let headers = input::headers(bytes);
    let has_key = headers.contains_key("idempotency-key");
    let done = Arc::new(AtomicUsize::new(0));
    let handler = service_fn({
        let done = Arc::clone(&done);
        move |_: http::Request<_>| {
            done.fetch_add(1, Relaxed);
            async { Ok::<_, BoxError>(Response::new(input::empty())) }
        }
    });
    let service = IdempotencyLayer::default().layer(handler);
    let send = || {
        let mut request: Request = input::request(headers.clone());
        *request.method_mut() = Method::POST;
        input::run(service.clone().oneshot(request)).expect("no header fails a request")
    };
    let (first, second) = (send(), send());
    assert_eq!(first.status(), second.status());
    match first.status() {
        StatusCode::OK if has_key => {
            assert_eq!(done.load(Relaxed), 1);
            assert_eq!(second.headers()["idempotent-replayed"], "true");
        }
        StatusCode::OK => assert_eq!(done.load(Relaxed), 2),
        status => assert_eq!((status, done.load(Relaxed)), (StatusCode::BAD_REQUEST, 0)),
    }
}

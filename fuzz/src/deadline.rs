use std::time::Duration;

use http::{HeaderValue, Response, Version, header::CONTENT_TYPE};
use tower::{ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    context::deadline as current,
    timeout::{TimeoutConfig, TimeoutLayer},
};
use tower_layer::Layer;

use crate::input::{self, Request};

const OURS: Duration = Duration::from_secs(30);

/// The headers that say how long a caller waits, `grpc-timeout` and `x-request-timeout`: they shorten
/// the deadline of the server and never lengthen it, and what is sent on to the next is no longer.
pub fn deadline(bytes: &[u8]) {
    for grpc in [false, true] {
        let mut request = input::request(input::headers(bytes));
        if grpc {
            *request.version_mut() = Version::HTTP_2;
            let kind = HeaderValue::from_static("application/grpc");
            request.headers_mut().insert(CONTENT_TYPE, kind);
        }
        let next = TimeoutLayer::from_config(TimeoutConfig::attempt(OURS)).expect("valid");
        let next = next.layer(service_fn(move |request: Request| async move {
            let left = current().expect("the layer sets one").remaining();
            assert!(left <= OURS, "{left:?}");
            let name = if grpc {
                "grpc-timeout"
            } else {
                "x-request-timeout"
            };
            let said = request.headers().get(name);
            assert!(
                said.is_some_and(|said| !said.is_empty()),
                "{name}: {said:?}"
            );
            Ok::<_, BoxError>(Response::new(input::empty()))
        }));
        let server = TimeoutLayer::new(OURS).layer(next);
        input::run(server.oneshot(request)).expect("no header fails a request");
    }
}

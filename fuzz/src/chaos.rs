use http::{HeaderMap, Response};
use tower::{ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    chaos::{ChaosLayer, Secret, Token},
};
use tower_layer::Layer;

use crate::input::{self, Request};

/// The header that asks for a fault: whoever does not know the secret gets none, whatever he writes.
pub fn chaos(bytes: &[u8]) {
    let Some(value) = input::value(bytes) else {
        return;
    };
    let layer = ChaosLayer::default().on_request(Secret::new(b"nobody guesses this one, or these"));
    let handler =
        service_fn(|_: Request| async { Ok::<_, BoxError>(Response::new(input::empty())) });
    let request = input::request(HeaderMap::from_iter([(Token::header_name(), value)]));
    let answer = input::run(layer.layer(handler).oneshot(request)).expect("no fault is made");
    assert!(answer.status().is_success());
    assert_eq!(layer.handle().snapshot().active, 0);
}

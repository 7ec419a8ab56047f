use http::Response;
use tower::{ServiceExt, service_fn};
use tower_keep::{
    context::{self, CorrelationId},
    correlation_id::CorrelationIdLayer,
};
use tower_layer::Layer;

use crate::input::{self, Request};

/// The headers that say who a request is. Whatever they say, the handler has an id that can be logged
/// and sent on and a trace that is valid, the id is the caller's if that was well formed, and the
/// caller is told which it is.
pub fn correlation_id(bytes: &[u8]) {
    let request = input::request(input::headers(bytes));
    let mut given = request.headers().get_all("x-correlation-id").iter();
    let only = given.next().filter(|_| given.next().is_none());
    let given = only.and_then(CorrelationId::from_header);

    let handler = service_fn(|_: Request| async {
        let id = context::correlation_id().expect("the layer puts one there");
        assert!(CorrelationId::parse(id.as_str()).is_ok(), "{id}");
        let trace = context::trace_parent().expect("there is a trace");
        assert_ne!((trace.trace_id(), trace.span_id()), (0, 0));
        assert!(context::priority().is_none_or(|priority| priority.urgency() <= 7));
        assert!(context::inbound_attempt() >= 1);
        let mut response = Response::new(input::empty());
        response.extensions_mut().insert(id);
        Ok::<_, tower_keep::BoxError>(response)
    });
    let answer = CorrelationIdLayer::new().layer(handler).oneshot(request);
    let answer = input::run(answer).expect("no header fails a request");
    let id = answer.extensions().get().expect("the handler put it there");
    if let Some(given) = given {
        assert_eq!(&given, id);
    }
    assert_eq!(answer.headers()["x-correlation-id"], id.as_header_value());
}

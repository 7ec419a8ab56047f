//! Layers that know requests and responses only, and the ways through them.

use http::{HeaderValue, Method, Request};
use tower_keep::{
    bulkhead::BulkheadLayer,
    cache::CacheLayer,
    coalesce::CoalesceLayer,
    correlation_id::{CorrelationIdLayer, PropagateLayer},
    decision::DecisionLayer,
    health::HealthLayer,
    idempotency::{IdempotencyKeyLayer, IdempotencyLayer},
    observe::Decision,
    strangler::{StranglerConfig, StranglerLayer},
};
use tower_layer::Layer;

use crate::{Broken, Cases, Echo, Empty, Expect::Good, Fresh, drive::get};

pub(super) fn add(cases: &mut Cases) {
    // What is asked for may not be kept, so each call is a miss.
    cases.http("cache/admitted", Good, CacheLayer::new);
    cases.http("correlation_id/admitted", Good, CorrelationIdLayer::new);
    cases.http("propagate/admitted", Good, PropagateLayer::new);
    cases.http("health/admitted", Good, HealthLayer::default);
    cases.http("idempotency/admitted", Good, IdempotencyLayer::default);
    cases.http("idempotency_key/admitted", Good, IdempotencyKeyLayer::new);
    cases.http("strangler/old", Good, || StranglerLayer::new(Broken));
    cases.service(
        "strangler/new/http",
        Good,
        || {
            let all = StranglerConfig::percent(100.0);
            let layer = StranglerLayer::from_config(Echo, all).expect("in range");
            layer.layer(Broken)
        },
        get,
    );
    cases.service(
        "correlation_id/given/http",
        Good,
        || CorrelationIdLayer::new().layer(Echo),
        with_id,
    );
    cases.service(
        "cache/hit/http",
        Good,
        || CacheLayer::new().layer(Fresh),
        get,
    );
    cases.service(
        "health/probe/http",
        Good,
        || HealthLayer::default().layer(Echo),
        probe,
    );
    cases.service(
        "idempotency/replayed/http",
        Good,
        || IdempotencyLayer::default().layer(Echo),
        order,
    );
    // Nothing to share, as a body would make it.
    cases.plain("coalesce/without_key", Good, || {
        CoalesceLayer::new().plain_by(|_: &u64| None::<[u8; 8]>)
    });
}

/// Calls that are recorded. To come last: from the first of them on, every call of the process has to look
/// whether it is one.
pub(super) fn add_recorded(cases: &mut Cases) {
    cases.http("decision/admitted", Good, DecisionLayer::new);
    // Once any call in the process is recorded, a layer looks at the thread.
    cases.plain("bulkhead/recorded", Good, || {
        std::mem::forget(Decision::new());
        BulkheadLayer::new(1000).plain()
    });
}

fn with_id(_: u64) -> Request<Empty> {
    let mut request = get(0);
    let id = HeaderValue::from_static("01a1fc6d-64ae-75f8-bd10-ed1c313c3a8c");
    request.headers_mut().insert("x-correlation-id", id);
    request
}

fn probe(_: u64) -> Request<Empty> {
    let mut request = get(0);
    *request.uri_mut() = http::Uri::from_static("/livez");
    request
}

fn order(_: u64) -> Request<Empty> {
    let mut request = get(0);
    *request.method_mut() = Method::POST;
    let key = HeaderValue::from_static("one-and-the-same");
    request.headers_mut().insert("idempotency-key", key);
    request
}

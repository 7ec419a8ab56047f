use axum::{
    Router,
    body::Body,
    error_handling::HandleErrorLayer,
    http::{Request, StatusCode},
    routing::get,
};
use tower::{
    ServiceBuilder, layer::layer_fn, limit::GlobalConcurrencyLimitLayer, load_shed::LoadShedLayer,
};
use tower_keep::{correlation_id::CorrelationIdLayer, stack::ServerStack};
use tower_layer::{Layer, Stack};

use crate::{
    ours,
    peers::{Agreed, breakers::recloser, governor::governor, resilience as tr, towers},
};

const TIMED: Agreed = Agreed::TIMED;

/// The stacks by name; the first has none.
pub const APPS: [&str; 5] = [
    "bare",
    "server_stack",
    "six",
    "best of peers",
    "tower-resilience",
];

/// Retry layers of others need requests that can be cloned, which axum's body cannot.
#[derive(Clone, Copy)]
struct NoBody;

async fn unavailable<E>(error: E) -> StatusCode {
    drop(error);
    StatusCode::SERVICE_UNAVAILABLE
}

/// What axum's own server does for each connection, done once: each layer wraps the handler now and
/// not for every request, so that all connections share one state.
fn ready(app: Router) -> Router {
    app.with_state(())
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

/// Hello world behind a stack of ours, or behind none.
///
/// `server_stack` is our preset with all that is in it. `six` is what the peers have as well: an id, a
/// timeout, a rate limit, retries, a breaker and a bulkhead.
///
/// # Panics
///
/// If there is no stack of that name.
pub fn our_app(name: &str) -> Router {
    ready(match name {
        "bare" => hello(),
        "server_stack" => {
            let stack = ServerStack::api().named("bench");
            hello().layer(stack.layer().expect("a preset"))
        }
        "six" => hello().layer(Stack::new(
            ours::five_http(TIMED),
            CorrelationIdLayer::new(),
        )),
        other => panic!("no stack is called {other}"),
    })
}

/// The same behind anybody's.
///
/// # Panics
///
/// If there is no stack of that name.
#[inline]
pub fn app(name: &str) -> Router {
    ready(match name {
        "best of peers" => hello().layer(
            ServiceBuilder::new()
                .layer(towers::request_id())
                .layer(HandleErrorLayer::new(unavailable::<tower::BoxError>))
                .layer(tower::timeout::TimeoutLayer::new(TIMED.timeout))
                .layer(layer_fn(|inner| governor(inner, TIMED.rate as u32)))
                .map_request(|request: Request<Body>| request.map(|_| NoBody))
                .layer(layer_fn(towers::retry_budget))
                .layer(layer_fn(recloser))
                .layer(LoadShedLayer::new())
                .layer(GlobalConcurrencyLimitLayer::new(TIMED.places))
                .map_request(|request: Request<NoBody>| request.map(|_| Body::empty())),
        ),
        "tower-resilience" => hello().layer(
            ServiceBuilder::new()
                .layer(towers::request_id())
                .layer(HandleErrorLayer::new(async |error| {
                    unavailable(error).await
                }))
                .layer(tr::timeout(TIMED.timeout))
                .layer(tr::rate_bucket(TIMED.rate, TIMED.period))
                .map_request(|request: Request<Body>| request.map(|_| NoBody))
                // Not `Clone`, since axum's answers are not.
                .layer(layer_fn(|inner| tr::retry().layer(inner)))
                .layer(tr::breaker())
                .layer(tr::bulkhead_reject(TIMED.places))
                .map_request(|request: Request<NoBody>| request.map(|_| Body::empty())),
        ),
        ours => our_app(ours),
    })
}

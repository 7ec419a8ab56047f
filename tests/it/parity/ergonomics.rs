//! How it is to use.

use std::{convert::Infallible, error::Error, fmt};

use axum::{Router, body::Body, routing::get};
use http::{Request, Response, StatusCode};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::CircuitBreakerLayer,
    fallback::{Causes, FallbackLayer},
    hedge::HedgeLayer,
    rate_limit::{Rate, RateLimitLayer},
    rejection::Rejection,
    retry::RetryLayer,
    stack::{ClientStack, ServerStack},
    timeout::TimeoutLayer,
};
use tower_layer::Layer;

fn request() -> Request<Body> {
    Request::new(Body::empty())
}

/// ER1: a whole stack for HTTP in one line.
/// `ServerStack::api()` and `ClientStack::api()`, `streaming()`, `upload()`, `llm()`.
#[tokio::test(start_paused = true)]
async fn er1() {
    let app = Router::new()
        .route("/", get(|| async { "fine" }))
        .layer(ServerStack::api().layer().unwrap());
    assert_eq!(
        app.oneshot(request()).await.unwrap().status(),
        StatusCode::OK
    );
    let upstream =
        service_fn(|_: Request<_>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let client = ClientStack::api().layer().unwrap().layer(upstream);
    assert_eq!(
        client.oneshot(request()).await.unwrap().status(),
        StatusCode::OK
    );
}

/// ER2: one error for all layers.
/// `Rejection`, found by `Rejection::of(&response)` or, however deeply an error is wrapped, by
/// `Rejection::find(&error)`.
#[tokio::test(start_paused = true)]
async fn er2() {
    #[derive(Debug)]
    struct Wrapped(BoxError);
    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("placing the order failed")
        }
    }
    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }
    let echo = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let breaker = CircuitBreakerLayer::new();
    breaker.handle().force_open();
    let limit = RateLimitLayer::new(Rate::per_hour(1)).plain();
    limit.handle().drain();
    let errors = [
        BulkheadLayer::new(0).plain().layer(echo).oneshot(1).await,
        breaker.plain().layer(echo).oneshot(1).await,
        limit.layer(echo).oneshot(1).await,
    ]
    .map(Result::unwrap_err);
    let layers: Vec<_> = errors
        .into_iter()
        .map(|error| Rejection::find(&Wrapped(error)).unwrap().layer())
        .collect();
    assert_eq!(layers, ["bulkhead", "circuit_breaker", "rate_limit"]);
}

/// ER3: on axum with no error handling layer.
/// `Infallible` stays `Infallible`: a refusal is a response, for every layer.
#[tokio::test(start_paused = true)]
async fn er3() {
    let breaker = CircuitBreakerLayer::new();
    breaker.handle().force_open();
    let app = Router::new()
        .route("/", get(|| async { "fine" }))
        .layer(FallbackLayer::new().when(Causes::ANY, |_| Response::new("instead")))
        .layer(HedgeLayer::default())
        .layer(RetryLayer::default())
        .layer(breaker);
    let response: Result<_, Infallible> = app.oneshot(request()).await;
    assert_eq!(response.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// ER4: no type has to be named.
/// Layers have defaults for all of their parameters; a stack is a value like any other.
#[tokio::test(start_paused = true)]
async fn er4() {
    struct Mine {
        breaker: CircuitBreakerLayer,
        bulkhead: BulkheadLayer,
        retry: RetryLayer,
        stack: tower_keep::stack::ServerLayer,
    }
    let mine = Mine {
        breaker: CircuitBreakerLayer::new(),
        bulkhead: BulkheadLayer::new(8),
        retry: RetryLayer::default(),
        stack: ServerStack::api().layer().unwrap(),
    };
    let layers = ServiceBuilder::new()
        .layer(mine.stack)
        .layer(mine.retry)
        .layer(mine.breaker)
        .layer(mine.bulkhead);
    let app = Router::new().route("/", get(|| async {})).layer(layers);
    assert_eq!(
        app.oneshot(request()).await.unwrap().status(),
        StatusCode::OK
    );
}

/// ER5: the order is given, and mistakes in it are found.
/// The stacks fix it by their types; `lint()` finds what does not fit, and the README says why each
/// layer stands where it does.
#[tokio::test(start_paused = true)]
async fn er5() {
    let layer = ServerStack::api()
        .timeout(TimeoutLayer::default().handle().config())
        .layer();
    assert!(layer.is_ok());
    let hour = std::time::Duration::from_secs(3600);
    let stack =
        ClientStack::api().attempt_timeout(tower_keep::timeout::TimeoutConfig::attempt(hour));
    let refused = stack.layer().unwrap_err().to_string();
    assert!(refused.contains("attempt_not_below_total"), "{refused}");
}

/// ER6: what the README shows compiles.
/// Its examples are doctests of the crate, and so are those of every layer's page.
#[test]
fn er6() {
    let root = env!("CARGO_MANIFEST_DIR");
    let read = |path: &str| std::fs::read_to_string(format!("{root}/{path}")).unwrap();
    assert!(read("README.md").contains("```rust"));
    let lib = read("crates/tower-keep/src/lib.rs");
    assert!(lib.contains("include_str!(\"../../../README.md\")"));
    assert!(!read("README.md").contains("```rust,ignore"));
}

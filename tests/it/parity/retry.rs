//! What is sent again, when, and at what price. The body of a request that is sent again is in
//! `retry_requests.rs`.

use std::{
    future::{Ready, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    backoff::{Backoff, Jitter},
    observe::EventKind,
    rejection::Rejection,
    retry::{
        Attempt, Budget, BudgetConfig, MaxAttempts, ReplayBody, RetryConfig, RetryLayer, Skip,
    },
    timeout::{TimeoutConfig, TimeoutLayer},
};
use tower_layer::Layer;
use tower_service::Service;

const SECOND: Duration = Duration::from_secs(1);

type Sent = Request<ReplayBody<Full<Bytes>>>;

fn get() -> Request<Full<Bytes>> {
    Request::new(Full::default())
}

/// Waits of exactly a second, then two, and money for all of them.
fn config() -> RetryConfig {
    RetryConfig {
        backoff: Backoff {
            base: SECOND,
            max: 60 * SECOND,
            jitter: Jitter::None,
            ..Backoff::default()
        },
        budget: BudgetConfig {
            ratio: 1000.0,
            floor: 100,
        },
        ..RetryConfig::default()
    }
}

fn layer(config: RetryConfig) -> RetryLayer {
    RetryLayer::from_config(config).unwrap()
}

fn answer(status: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// Sends `request`; the service answers with `status`. The answer and the number of attempts.
async fn send(layer: &RetryLayer, status: u16, request: Request<Full<Bytes>>) -> (StatusCode, u32) {
    send_to(layer, request, move |_| answer(status)).await
}

async fn send_to(
    layer: &RetryLayer,
    request: Request<Full<Bytes>>,
    make: impl Fn(&Sent) -> Response<Full<Bytes>> + Clone,
) -> (StatusCode, u32) {
    let attempts = Arc::new(AtomicU32::new(0));
    let service = service_fn(|request: Sent| {
        attempts.fetch_add(1, SeqCst);
        let answer = make(&request);
        async move { Ok::<_, BoxError>(answer) }
    });
    let response = layer.layer(service).oneshot(request).await.unwrap();
    (response.status(), attempts.load(SeqCst))
}

/// RT1: a number of attempts, another one for one request.
/// `max_attempts`, and the extension `MaxAttempts` of a request.
#[tokio::test(start_paused = true)]
async fn rt1() {
    let layer = layer(config());
    assert_eq!(send(&layer, 503, get()).await.1, 3);
    let mut request = get();
    request.extensions_mut().insert(MaxAttempts(5));
    assert_eq!(send(&layer, 503, request).await.1, 5);
}

/// RT2: no wait past the end of the caller's time.
/// A retry that could not start before the deadline is not scheduled: the caller gets the answer that
/// is there.
#[tokio::test(start_paused = true)]
async fn rt2() {
    let retry = layer(config());
    let service = service_fn(|_: Sent| async { Ok::<_, BoxError>(answer(503)) });
    let start = Instant::now();
    let stack = TimeoutLayer::new(2 * SECOND).layer(retry.layer(service));
    let response = stack.oneshot(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        start.elapsed(),
        SECOND,
        "one wait of a second, not another of two"
    );
    assert_eq!(retry.handle().snapshot().skipped[&Skip::Deadline], 1);
}

/// RT3: exponential waits with jitter.
/// `Backoff`: full jitter by default, base and maximum; `Jitter::None` for tests.
#[tokio::test(start_paused = true)]
async fn rt3() {
    let start = Instant::now();
    send(&layer(config()), 503, get()).await;
    assert_eq!(start.elapsed(), 3 * SECOND);
    let full = Backoff {
        jitter: Jitter::Full,
        ..config().backoff
    };
    assert_eq!(
        (full.delay(1, 0.0), full.delay(2, 1.0)),
        (Duration::ZERO, 2 * SECOND)
    );
}

/// RT4: the service says when.
/// `Retry-After` in seconds or as a date, `X-RateLimit-Reset` and gRPC's pushback, up to
/// `max_retry_after`, with jitter on top.
#[tokio::test(start_paused = true)]
async fn rt4() {
    let start = Instant::now();
    let retry = layer(RetryConfig {
        max_attempts: 2,
        ..config()
    });
    send_to(&retry, get(), |_| {
        let mut response = answer(429);
        response.headers_mut().insert("retry-after", 20.into());
        response
    })
    .await;
    assert!(start.elapsed() >= 20 * SECOND);
}

/// RT5: sound rules for HTTP.
/// The table of `classify`: 408, 425, 429, 500, 502, 503, 504 and broken connections.
#[tokio::test(start_paused = true)]
async fn rt5() {
    let layer = layer(config());
    for (status, attempts) in [(200, 1), (404, 1), (429, 3), (500, 3), (501, 1), (503, 3)] {
        assert_eq!(send(&layer, status, get()).await.1, attempts, "{status}");
    }
}

/// RT6: only what is safe to do twice.
/// Idempotent methods, requests with an `Idempotency-Key`, and those marked `Retryable`; any method if
/// the service certainly did not process it.
#[tokio::test(start_paused = true)]
async fn rt6() {
    let layer = layer(config());
    let with = |method: Method| {
        let mut request = get();
        *request.method_mut() = method;
        request
    };
    for (method, attempts) in [(Method::PUT, 3), (Method::POST, 1), (Method::PATCH, 1)] {
        assert_eq!(send(&layer, 503, with(method)).await.1, attempts);
    }
    let mut keyed = with(Method::POST);
    let key = "k-1".parse().unwrap();
    keyed.headers_mut().insert("idempotency-key", key);
    assert_eq!(send(&layer, 503, keyed).await.1, 3);
}

/// Ready for one call, which fails, and never again.
#[derive(Clone)]
struct ReadyOnce(Arc<AtomicU32>);

impl Service<()> for ReadyOnce {
    type Response = ();
    type Error = BoxError;
    type Future = Ready<Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.0.load(SeqCst) == 0 {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn call(&mut self, (): ()) -> Self::Future {
        self.0.fetch_add(1, SeqCst);
        ready(Err("no".into()))
    }
}

/// RT11: a service that is not ready for the next attempt.
/// The wait for it is part of the call and ends with the deadline; put a bulkhead inside to refuse.
#[tokio::test(start_paused = true)]
async fn rt11() {
    let retry = layer(config()).plain();
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(10 * SECOND).plain())
        .layer(retry)
        .service(ReadyOnce(Arc::default()));
    let start = Instant::now();
    let error = stack.oneshot(()).await.unwrap_err();
    assert!(Rejection::find(&*error).is_some());
    assert_eq!(start.elapsed(), 10 * SECOND);
}

/// RT12: a timeout for each attempt beside the one for all.
/// A timeout inside of retry and one outside: `TimeoutConfig::attempt(..)`.
#[tokio::test(start_paused = true)]
async fn rt12() {
    let attempts = Arc::new(AtomicU32::new(0));
    let hangs_first = service_fn(|_: Sent| {
        let hangs = attempts.fetch_add(1, SeqCst) == 0;
        async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            Ok::<_, BoxError>(answer(200))
        }
    });
    let attempt = TimeoutLayer::from_config(TimeoutConfig::attempt(SECOND)).unwrap();
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(10 * SECOND))
        .layer(layer(config()))
        .layer(attempt)
        .service(hangs_first);
    let start = Instant::now();
    assert_eq!(stack.oneshot(get()).await.unwrap().status(), StatusCode::OK);
    assert_eq!(
        start.elapsed(),
        2 * SECOND,
        "a second for the attempt, one for the wait"
    );
}

/// RT13: the number of an attempt is visible.
/// The extension `Attempt` inside, and the header that says it upstream.
#[tokio::test(start_paused = true)]
async fn rt13() {
    let seen = Mutex::new(Vec::new());
    let layer = layer(config());
    send_to(&layer, get(), |request| {
        let attempt = Attempt::of(request).0;
        seen.lock().unwrap().push(attempt);
        answer(503)
    })
    .await;
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
}

/// RT15: retries are a share of the calls.
/// `BudgetConfig`: 20 % and a small floor a second; failures of all do not double the load.
#[tokio::test(start_paused = true)]
async fn rt15() {
    let retry = layer(RetryConfig {
        budget: BudgetConfig {
            ratio: 0.2,
            floor: 0,
        },
        backoff: Backoff {
            base: Duration::from_nanos(1),
            ..config().backoff
        },
        ..config()
    });
    let mut attempts = 0;
    for _ in 0..1000 {
        attempts += send(&retry, 503, get()).await.1;
    }
    assert!((1150..=1200).contains(&attempts), "{attempts}");
}

/// RT16: one budget for many.
/// `.budget(budget.clone())` on any number of layers, hedges included.
#[tokio::test(start_paused = true)]
async fn rt16() {
    let at_once = RetryConfig {
        backoff: Backoff {
            base: Duration::from_nanos(1),
            ..config().backoff
        },
        ..config()
    };
    let budget = Budget::new(BudgetConfig {
        ratio: 0.0,
        floor: 2,
    })
    .unwrap();
    let layers = [(); 20].map(|()| layer(at_once).budget(budget.clone()));
    let most = budget.balance();
    let mut retries = 0;
    for layer in &layers {
        retries += send(layer, 503, get()).await.1 - 1;
    }
    assert!(retries < 40, "each alone would have made two");
    assert!((most - f64::from(retries)).abs() < 1.0, "{most} {retries}");
}

/// RT17: prices by the kind of failure.
/// One price for all; what should not be tried again at all is left out by `retry_if`.
#[tokio::test(start_paused = true)]
async fn rt17() {
    let layer = layer(config())
        .retry_if(|failed| failed.may_retry() && failed.verdict.class.as_str() != "overload");
    assert_eq!(send(&layer, 429, get()).await.1, 1);
    assert_eq!(send(&layer, 503, get()).await.1, 3);
}

/// RT18: without a budget the caller gets the last answer.
/// The real one, not an error about the budget.
#[tokio::test(start_paused = true)]
async fn rt18() {
    let broke = layer(RetryConfig {
        budget: BudgetConfig {
            ratio: 0.0,
            floor: 0,
        },
        ..config()
    });
    assert_eq!(send(&broke, 502, get()).await, (StatusCode::BAD_GATEWAY, 1));
    assert_eq!(broke.handle().snapshot().skipped[&Skip::Budget], 1);
}

/// RT19: a rule that ends it, and the last failure as the answer.
/// `retry_if(|failed| ..)`; the caller always gets the last real answer or error.
#[tokio::test(start_paused = true)]
async fn rt19() {
    let layer = layer(config()).retry_if(|failed| failed.may_retry() && failed.attempt < 2);
    assert_eq!(
        send(&layer, 503, get()).await,
        (StatusCode::SERVICE_UNAVAILABLE, 2)
    );
}

/// RT20: the client's own wish for retries, if it is trusted.
/// No header is obeyed. Code of yours that trusts a client puts `MaxAttempts` into the request.
#[tokio::test(start_paused = true)]
async fn rt20() {
    let layer = layer(config());
    let mut stranger = get();
    let wish = "9".parse().unwrap();
    stranger.headers_mut().insert("x-envoy-max-retries", wish);
    assert_eq!(send(&layer, 503, stranger).await.1, 3);
    let mut trusted = get();
    trusted.extensions_mut().insert(MaxAttempts(1));
    assert_eq!(send(&layer, 503, trusted).await.1, 1);
}

/// RT21: told before the wait, and at the attempt.
/// `AttemptScheduled { attempt, after }` as the wait begins; the attempt itself has its number.
#[tokio::test(start_paused = true)]
async fn rt21() {
    let layer = layer(config());
    let mut told = layer.handle().subscribe(8);
    send(&layer, 503, get()).await;
    let mut scheduled = Vec::new();
    while let Some(event) = told.try_next() {
        if let EventKind::AttemptScheduled { attempt, after } = event.kind {
            scheduled.push((attempt, after));
        }
    }
    assert_eq!(scheduled, [(2, SECOND), (3, 2 * SECOND)]);
}

//! Retry from outside: what is tried again, when, and what it costs.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use tokio::time::{Instant, advance};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    backoff::{Backoff, Jitter},
    bulkhead::BulkheadLayer,
    classify::{Retry as May, Verdict},
    observe::EventKind,
    protocol::{Http, Plain},
    rejection::Rejection,
    retry::{Attempt, MaxAttempts, ReplayBody, RetryConfig, RetryLayer, Retryable},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::support::QuoteError;

/// Waits of exactly 100 ms, 200 ms, ...
pub(crate) fn steady() -> RetryConfig {
    RetryConfig {
        backoff: Backoff {
            jitter: Jitter::None,
            ..Backoff::default()
        },
        ..RetryConfig::default()
    }
}

pub(crate) fn layer() -> RetryLayer {
    RetryLayer::from_config(steady()).unwrap()
}

type Sent = Request<ReplayBody<Full<Bytes>>>;
type Answer = Result<Response<Full<Bytes>>, BoxError>;
type Failure = Box<dyn Fn() -> Answer + Send + Sync>;

/// An HTTP service that answers as told, and the number of attempts it saw.
fn upstream<F>(
    answer: F,
) -> (
    impl Service<Sent, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send> + Clone,
    Arc<AtomicU32>,
)
where
    F: Fn(u32, Sent) -> Answer + Clone + Send,
{
    let seen = Arc::new(AtomicU32::new(0));
    let count = seen.clone();
    let service = service_fn(move |request| {
        let attempt = count.fetch_add(1, SeqCst) + 1;
        std::future::ready(answer(attempt, request))
    });
    (service, seen)
}

fn status(status: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn request(method: Method) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from("a body"));
    *request.method_mut() = method;
    request
}

#[tokio::test(start_paused = true)]
async fn every_method_is_retried_after_every_failure_exactly_where_it_is_safe() {
    let io_error = |kind: io::ErrorKind| move || -> Answer { Err(io::Error::from(kind).into()) };
    let answered = |code: u16| move || -> Answer { Ok(status(code)) };
    // Failure, attempts if idempotent, attempts if not.
    let failures: Vec<(&str, Failure, u32, u32)> = vec![
        ("200", Box::new(answered(200)), 1, 1),
        ("404", Box::new(answered(404)), 1, 1),
        ("408", Box::new(answered(408)), 3, 1),
        ("425", Box::new(answered(425)), 3, 1),
        ("429", Box::new(answered(429)), 3, 1),
        ("500", Box::new(answered(500)), 3, 1),
        ("501", Box::new(answered(501)), 1, 1),
        ("502", Box::new(answered(502)), 3, 1),
        ("503", Box::new(answered(503)), 3, 1),
        ("504", Box::new(answered(504)), 3, 1),
        (
            "refused",
            Box::new(io_error(io::ErrorKind::ConnectionRefused)),
            3,
            3,
        ),
        (
            "reset",
            Box::new(io_error(io::ErrorKind::ConnectionReset)),
            3,
            1,
        ),
        ("unknown error", Box::new(|| Err("?".into())), 3, 1),
    ];
    let with_key = |method| {
        let mut request = request(method);
        request
            .headers_mut()
            .insert("idempotency-key", "k1".parse().unwrap());
        request
    };
    let said_so = |method| {
        let mut request = request(method);
        request.extensions_mut().insert(Retryable);
        request
    };
    for (name, failure, idempotent, other) in failures {
        let failure = Arc::new(failure);
        for (what, sent, wanted) in [
            ("GET", request(Method::GET), idempotent),
            ("HEAD", request(Method::HEAD), idempotent),
            ("OPTIONS", request(Method::OPTIONS), idempotent),
            ("TRACE", request(Method::TRACE), idempotent),
            ("PUT", request(Method::PUT), idempotent),
            ("DELETE", request(Method::DELETE), idempotent),
            ("POST", request(Method::POST), other),
            ("PATCH", request(Method::PATCH), other),
            ("POST with a key", with_key(Method::POST), idempotent),
            (
                "PATCH said to be retryable",
                said_so(Method::PATCH),
                idempotent,
            ),
        ] {
            let failure = failure.clone();
            let (service, seen) = upstream(move |_, _| failure());
            let _ = layer().layer(service).oneshot(sent).await;
            assert_eq!(seen.load(SeqCst), wanted, "{what} after {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_real_answer_is_what_the_caller_gets() {
    let (service, _) = upstream(|attempt, _| Ok(status(if attempt < 3 { 500 } else { 503 })));
    let response = layer()
        .layer(service)
        .oneshot(request(Method::GET))
        .await
        .unwrap();
    assert_eq!(response.status(), 503);

    let (service, _) = upstream(|attempt, _| match attempt {
        1 => Ok(status(500)),
        _ => Err("the second".into()),
    });
    let layer = layer().retry_if(|failed| failed.attempt < 2);
    let error = layer
        .layer(service)
        .oneshot(request(Method::GET))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the second");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_tells_its_number_inside_and_upstream() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let (service, _) = upstream(move |_, request| {
        let header = |name| {
            request
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        log.lock().unwrap().push((
            Attempt::of(&request).0,
            request.extensions().get::<Attempt>().is_some(),
            header("x-retry-attempt"),
            header("grpc-previous-rpc-attempts"),
        ));
        let mut response = status(200);
        response
            .headers_mut()
            .insert("grpc-status", "14".parse().unwrap());
        Ok(response)
    });
    layer()
        .grpc()
        .layer(service)
        .oneshot(request(Method::POST))
        .await
        .unwrap();
    let number = |n: u32| Some(n.to_string());
    assert_eq!(
        *seen.lock().unwrap(),
        [
            (1, false, None, None),
            (2, true, number(2), number(1)),
            (3, true, number(3), number(2)),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn waits_grow_and_follow_what_the_service_asks_for() {
    for (name, value, wanted) in [
        ("x-nothing", "", 100 + 200),
        ("retry-after", "2", 2_100 + 2_200),
        ("retry-after-ms", "50", 150 + 250),
        ("grpc-retry-pushback-ms", "10", 110 + 210),
        ("ratelimit", "\"a\";r=0;t=3", 3_100 + 3_200),
        ("x-ratelimit-reset", "4", 4_100 + 4_200),
        ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", 100 + 200),
        ("retry-after", "whenever", 100 + 200),
        // Longer than the 30 s that are allowed: returned at once, as is one that says never.
        ("retry-after", "3600", 0),
        ("grpc-retry-pushback-ms", "-1", 0),
    ] {
        let (service, _) = upstream(move |_, _| {
            let mut response = status(503);
            response.headers_mut().insert(name, value.parse().unwrap());
            Ok(response)
        });
        let start = Instant::now();
        let response = layer()
            .layer(service)
            .oneshot(request(Method::GET))
            .await
            .unwrap();
        assert_eq!(start.elapsed().as_millis(), wanted, "{name}: {value}");
        assert_eq!(
            response.headers()[name],
            value,
            "the answer is left as it is"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_clients_asked_the_same_do_not_come_back_together() {
    let back = Arc::new(Mutex::new(Vec::new()));
    let log = back.clone();
    let start = Instant::now();
    let (service, _) = upstream(move |_, request| {
        if Attempt::of(&request).0 == 1 {
            let mut response = status(429);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, "1".parse().unwrap());
            return Ok(response);
        }
        log.lock().unwrap().push(start.elapsed().as_millis());
        Ok(status(200))
    });
    let service = RetryLayer::default().layer(service);
    join_all((0..100).map(|_| service.clone().oneshot(request(Method::GET)))).await;
    let mut back = back.lock().unwrap().clone();
    assert_eq!(back.len(), 100);
    assert!(
        back.iter().all(|at| (1_000..=1_101).contains(at)),
        "{back:?}"
    );
    back.sort_unstable();
    back.dedup();
    assert!(back.len() > 30, "{back:?}");
}

#[tokio::test(start_paused = true)]
async fn the_failed_answer_is_gone_before_the_wait() {
    let held = Arc::new(());
    let watch = held.clone();
    let (service, seen) = upstream(move |attempt, _| {
        let mut response = status(if attempt == 1 { 503 } else { 200 });
        response.extensions_mut().insert(held.clone());
        Ok(response)
    });
    let mut call = Box::pin(layer().layer(service).oneshot(request(Method::GET)));
    assert!(poll_once(&mut call).await.is_none());
    assert_eq!(seen.load(SeqCst), 1);
    // `watch` and the upstream in the call; no response.
    let while_waiting = Arc::strong_count(&watch);
    let response = call.await.unwrap();
    assert!(response.extensions().get::<Arc<()>>().is_some());
    assert_eq!(while_waiting, 2, "a response was alive during the wait");
}

#[tokio::test(start_paused = true)]
async fn a_local_refusal_is_not_retried_and_not_paid_for() {
    let layer = layer().with_protocol(Http::new().classify(|head| {
        // Rules that would retry whatever is not fine are not asked about refusals.
        (!head.status.is_success()).then(|| Verdict::failure().retry(May::Always))
    }));
    let handle = layer.handle();
    let stack = ServiceBuilder::new()
        .layer(layer)
        .layer(BulkheadLayer::new(0))
        .service(upstream(|_, _| Ok(status(200))).0);
    let start = Instant::now();
    let response = stack.oneshot(request(Method::GET)).await.unwrap();
    assert!(Rejection::of(&response).is_some());
    assert_eq!(start.elapsed(), Duration::ZERO);
    let now = handle.snapshot();
    assert_eq!((now.retries, now.skipped.len(), now.budget), (0, 0, 100.2));
}

#[tokio::test(start_paused = true)]
async fn a_plain_service_with_its_own_errors_is_retried_as_its_rules_say() {
    let calls = Arc::new(AtomicU32::new(0));
    let count = calls.clone();
    let service = service_fn(move |symbol: u64| {
        let attempt = count.fetch_add(1, SeqCst) + 1;
        std::future::ready(match symbol {
            0 => Err(QuoteError::UnknownSymbol),
            _ if attempt < 3 => Err(QuoteError::Busy),
            _ => Ok(symbol * 2),
        })
    });
    let quotes = Plain::new().classify(|outcome: &Result<u64, QuoteError>| match outcome {
        Err(QuoteError::Busy) => Verdict::failure().retry(May::Always),
        _ => Verdict::success(),
    });
    let service = layer().plain().with_protocol(quotes).layer(service);
    assert_eq!(service.clone().oneshot(21).await.unwrap(), 42);
    assert_eq!(calls.load(SeqCst), 3);
    assert!(matches!(
        service.oneshot(0).await,
        Err(QuoteError::UnknownSymbol)
    ));
    assert_eq!(calls.load(SeqCst), 4, "no rule retries an unknown symbol");

    let refused = ServiceBuilder::new()
        .layer(layer().plain())
        .layer(BulkheadLayer::new(0).plain())
        .service(service_fn(async |n: u64| Ok::<_, QuoteError>(n)));
    let start = Instant::now();
    assert!(matches!(
        refused.oneshot(1).await,
        Err(QuoteError::Rejected(_))
    ));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_request_and_an_update_can_change_the_number_of_attempts() {
    let (service, seen) = upstream(|_, _| Ok(status(500)));
    let layer = layer();
    let handle = layer.handle();
    let service = layer.layer(service);
    let attempts = async |request| {
        seen.store(0, SeqCst);
        service.clone().oneshot(request).await.unwrap();
        seen.load(SeqCst)
    };
    for wanted in [1, 2, 5] {
        let mut request = request(Method::GET);
        request.extensions_mut().insert(MaxAttempts(wanted));
        assert_eq!(attempts(request).await, wanted);
    }
    let mut events = handle.subscribe(8);
    handle
        .update(RetryConfig {
            max_attempts: 2,
            ..steady()
        })
        .unwrap();
    assert_eq!(handle.config().max_attempts, 2);
    assert_eq!(attempts(request(Method::GET)).await, 2);
    let kinds: Vec<_> = std::iter::from_fn(|| events.try_next())
        .map(|event| event.kind)
        .collect();
    assert!(
        matches!(
            kinds[..],
            [
                EventKind::ConfigUpdated { .. },
                EventKind::AttemptScheduled { attempt: 2, after },
                EventKind::AttemptSkipped { reason: "max_attempts" },
            ] if after.as_millis() == 100
        ),
        "{kinds:?}"
    );
    assert_eq!(
        handle
            .update(RetryConfig {
                max_attempts: 0,
                ..steady()
            })
            .unwrap_err()
            .field(),
        "max_attempts"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gives_up_during_the_wait_leaves_nothing_behind() {
    let alive = Arc::new(());
    let watch = alive.clone();
    let (service, seen) = upstream(move |_, _| {
        let _ = &alive;
        Ok(status(500))
    });
    let service = layer().layer(service);
    let at_rest = Arc::strong_count(&watch);
    let mut sent = request(Method::PUT);
    sent.extensions_mut().insert(watch.clone());
    let mut call = Box::pin(service.clone().oneshot(sent));
    assert!(poll_once(&mut call).await.is_none());
    drop(call);
    advance(Duration::from_secs(60)).await;
    assert_eq!(seen.load(SeqCst), 1);
    assert_eq!(Arc::strong_count(&watch), at_rest);
}

/// Polls once; `None` if there is nothing yet.
async fn poll_once<F: Future + Unpin>(call: &mut F) -> Option<F::Output> {
    poll_fn(|cx| match Pin::new(&mut *call).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// An answer of an in-process service.
pub(crate) fn ok() -> Response<Body> {
    Response::new(Body::empty())
}

//! Asking twice, from outside: what wins, what is dropped, what is paid.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Method, Request, Response, StatusCode};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    budget::{Budget, BudgetConfig},
    bulkhead::BulkheadLayer,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    context::Deadline,
    hedge::{Delay, HedgeConfig, HedgeLayer, Observed},
    observe::EventKind,
    rejection::Rejection,
    replay::{Attempt, ReplayBody, Retryable, Skip},
    retry::RetryLayer,
};
use tower_layer::Layer;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a service does with its calls, in order: after so many milliseconds it gives its number or an
/// error. The last entry is for all that follow.
pub(crate) type Plan = &'static [(u64, Result<(), &'static str>)];

/// A service by plan, and how many calls were started and how many dropped without an answer.
pub(crate) fn planned(
    plan: Plan,
) -> (
    impl Service<u64, Response = usize, Error = BoxError, Future: Send> + Clone,
    Arc<Calls>,
) {
    let calls = Arc::new(Calls::default());
    let seen = calls.clone();
    let service = service_fn(move |_: u64| {
        let number = seen.started.fetch_add(1, Relaxed) + 1;
        let (wait, outcome) = plan[number.min(plan.len()) - 1];
        let running = Running(seen.clone(), false);
        async move {
            let mut running = running;
            tokio::time::sleep(ms(wait)).await;
            running.1 = true;
            outcome.map(|()| number).map_err(BoxError::from)
        }
    });
    (service, calls)
}

#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) started: AtomicUsize,
    pub(crate) dropped: AtomicUsize,
}

impl Calls {
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.started.load(Relaxed), self.dropped.load(Relaxed))
    }
}

struct Running(Arc<Calls>, bool);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(usize::from(!self.1), Relaxed);
    }
}

pub(crate) fn layer(config: HedgeConfig) -> HedgeLayer {
    HedgeLayer::from_config(config).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_faster_attempt_answers_and_the_other_is_dropped_before_anybody_is_told() {
    let table: [(Plan, _, _, _); 2] = [
        (&[(1_000, Ok(())), (10, Ok(()))], 2, 60, 1),
        (&[(70, Ok(())), (1_000, Ok(()))], 1, 70, 0),
    ];
    for (plan, winner, took, won) in table {
        let (service, calls) = planned(plan);
        let at_the_end = Arc::new(Mutex::new(None));
        let layer = HedgeLayer::after(ms(50)).observe({
            let (calls, at_the_end) = (calls.clone(), at_the_end.clone());
            move |event: &tower_keep::observe::Event| {
                if let EventKind::AttemptWon { attempt } = event.kind {
                    *at_the_end.lock().unwrap() = Some((attempt, calls.counts()));
                }
            }
        });
        let handle = layer.handle();
        let start = Instant::now();
        assert_eq!(
            layer.plain().layer(service).oneshot(7).await.unwrap(),
            winner
        );
        assert_eq!(start.elapsed(), ms(took));
        let told = at_the_end.lock().unwrap().unwrap();
        assert_eq!(told, (winner as u32, (2, 1)));
        let now = handle.snapshot();
        assert_eq!((now.hedges, now.won, now.cancelled), (1, won, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_all_there_is() {
    let (service, calls) = planned(&[(49, Ok(()))]);
    let layer = HedgeLayer::after(ms(50));
    let handle = layer.handle();
    assert_eq!(layer.plain().layer(service).oneshot(7).await.unwrap(), 1);
    tokio::time::sleep(ms(1_000)).await;
    assert_eq!(calls.counts(), (1, 0));
    assert_eq!(handle.snapshot().hedges, 0);
}

#[tokio::test(start_paused = true)]
async fn without_budget_the_first_attempt_still_answers() {
    let budget = Budget::new(BudgetConfig {
        ratio: 0.0,
        floor: 0,
    })
    .unwrap();
    let (service, calls) = planned(&[(500, Ok(()))]);
    let layer = HedgeLayer::after(ms(50)).budget(budget);
    let handle = layer.handle();
    let start = Instant::now();
    assert_eq!(layer.plain().layer(service).oneshot(7).await.unwrap(), 1);
    assert_eq!((start.elapsed(), calls.counts()), (ms(500), (1, 0)));
    assert_eq!(handle.snapshot().skipped[&Skip::Budget], 1);
}

#[tokio::test(start_paused = true)]
async fn upstream_sees_no_more_than_the_calls_and_the_ratio() {
    let budget = BudgetConfig {
        ratio: 0.2,
        floor: 0,
    };
    let (service, calls) = planned(&[(60_000, Ok(()))]);
    let layer = layer(HedgeConfig {
        max_hedges: 3,
        budget,
        ..HedgeConfig::after(ms(10))
    });
    let mut service = layer.plain().layer(service);
    let all: Vec<_> = (0..200).map(|n| service.call(n)).collect();
    for answer in futures_util::future::join_all(all).await {
        answer.unwrap();
    }
    let (started, _) = calls.counts();
    assert!((238..=240).contains(&started), "{started}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ready_gets_no_further_attempt() {
    let (service, calls) = planned(&[(500, Ok(()))]);
    let layer = HedgeLayer::after(ms(50));
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer.plain())
        .layer(tower::limit::ConcurrencyLimitLayer::new(1))
        .service(service);
    let start = Instant::now();
    assert_eq!(service.clone().oneshot(7).await.unwrap(), 1);
    assert_eq!((start.elapsed(), calls.counts()), (ms(500), (1, 0)));
    assert_eq!(handle.snapshot().skipped[&Skip::NotReady], 1);
    // Nothing is left in the queue for the place.
    assert_eq!(service.oneshot(7).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_inside_starts_nothing_and_wins_over_nothing() {
    let (service, _) = planned(&[(500, Ok(()))]);
    let layer = HedgeLayer::after(ms(50));
    let handle = layer.handle();
    let mut service = ServiceBuilder::new()
        .layer(layer.plain())
        .layer(BulkheadLayer::new(1).plain())
        .service(service);
    // The hedge is refused its place; the first attempt, which has one, goes on.
    assert_eq!(service.call(1).await.unwrap(), 1);
    assert_eq!(handle.snapshot().hedges, 1);
    let running = tokio::spawn(service.call(1));
    tokio::time::sleep(ms(1)).await;
    let refused = service.call(1).await.unwrap_err();
    assert!(Rejection::find(&*refused).is_some());
    running.await.unwrap().unwrap();
}

/// After how many milliseconds which status is answered, call by call.
type Statuses = &'static [(u64, u16)];

/// An HTTP service that answers as the plan says, by status.
fn statuses(
    plan: Statuses,
) -> (
    impl Service<
        Request<ReplayBody<String>>,
        Response = Response<String>,
        Error = Infallible,
        Future: Send,
    > + Clone,
    Arc<AtomicUsize>,
) {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    let service = service_fn(move |request: Request<ReplayBody<String>>| {
        let at = seen.fetch_add(1, Relaxed);
        let (wait, status) = plan[at.min(plan.len() - 1)];
        async move {
            tokio::time::sleep(ms(wait)).await;
            let attempt = Attempt::of(&request).0;
            let mut response = Response::new(format!("attempt {attempt}"));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            if status == 429 {
                response
                    .headers_mut()
                    .insert("retry-after", http::HeaderValue::from(2));
            }
            Ok(response)
        }
    });
    (service, calls)
}

fn get() -> Request<String> {
    Request::get("/").body(String::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_best_answer_is_returned_whatever_came_first() {
    let table: [(Statuses, _, _, _, _); 6] = [
        // A bad hedge waits for the good first attempt.
        (&[(100, 200), (10, 500)], 200, "attempt 1", 2, 100),
        // A bad first attempt starts the next at once.
        (&[(10, 500), (10, 200)], 200, "attempt 2", 2, 20),
        // Both are bad: the service that works but is busy says more, and so does the first of two.
        (&[(10, 500), (10, 500)], 500, "attempt 1", 2, 20),
        (&[(10, 500), (10, 429)], 429, "attempt 2", 2, 20),
        // It said when to come back: not now.
        (&[(10, 429), (10, 200)], 429, "attempt 1", 1, 10),
        // Not a failure of the service: its answer.
        (&[(10, 404), (10, 200)], 404, "attempt 1", 1, 10),
    ];
    for (plan, status, body, calls, took) in table {
        let (service, seen) = statuses(plan);
        let start = Instant::now();
        let service = HedgeLayer::after(ms(50)).layer(service);
        let response = service.oneshot(get()).await.unwrap();
        assert_eq!(response.status(), status, "{plan:?}");
        assert_eq!(response.body(), body, "{plan:?}");
        assert_eq!(seen.load(Relaxed), calls, "{plan:?}");
        assert_eq!(start.elapsed(), ms(took), "{plan:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_safe_is_sent_twice() {
    let request = |method: Method| Request::builder().method(method).uri("/x");
    let body = String::new;
    for (request, calls) in [
        (request(Method::GET).body(body()), 2),
        (request(Method::PUT).body(body()), 2),
        (request(Method::POST).body(body()), 1),
        (request(Method::PATCH).body(body()), 1),
        (
            request(Method::POST)
                .header("idempotency-key", "1")
                .body(body()),
            2,
        ),
        (request(Method::POST).extension(Retryable).body(body()), 2),
    ] {
        let (service, seen) = statuses(&[(100, 200)]);
        let service = HedgeLayer::after(ms(50)).layer(service);
        service.oneshot(request.unwrap()).await.unwrap();
        assert_eq!(seen.load(Relaxed), calls);
    }
    let (service, seen) = statuses(&[(100, 200)]);
    let mut service = HedgeLayer::after(ms(50))
        .eligible_if(|head| head.uri.path() == "/search")
        .layer(service);
    for (uri, method, calls) in [("/search", Method::POST, 2), ("/x", Method::GET, 1)] {
        let request = Request::builder().method(method).uri(uri).body(body());
        seen.store(0, Relaxed);
        service.call(request.unwrap()).await.unwrap();
        assert_eq!(seen.load(Relaxed), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_inside_counts_no_loser_as_a_failure() {
    for (slow_call, calls, slow) in [(None, 1, 0), (Some(ms(40)), 2, 1)] {
        let breaker = CircuitBreakerLayer::from_config(CircuitBreakerConfig {
            slow_call,
            ..CircuitBreakerConfig::default()
        })
        .unwrap();
        let state = breaker.handle();
        let (service, _) = planned(&[(1_000, Ok(())), (10, Ok(()))]);
        let service = ServiceBuilder::new()
            .layer(HedgeLayer::after(ms(50)).plain())
            .layer(breaker.plain())
            .service(service);
        service.oneshot(7).await.unwrap();
        let now = state.snapshot();
        assert_eq!((now.calls, now.failures, now.slow_calls), (calls, 0, slow));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_before_the_delay_needs_no_timer_and_no_hedge() {
    let (service, calls) = planned(&[(100, Ok(()))]);
    let service = HedgeLayer::after(ms(50)).plain().layer(service);
    let deadline = Deadline::after(ms(50));
    deadline.scope(service.oneshot(7)).await.unwrap();
    assert_eq!(calls.counts(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_drops_all_attempts() {
    let (service, calls) = planned(&[(1_000, Ok(()))]);
    let service = HedgeLayer::after(ms(50)).plain().layer(service);
    let left = tokio::time::timeout(ms(60), service.oneshot(7)).await;
    assert!(left.is_err());
    assert_eq!(calls.counts(), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn inside_retry_attempts_count_on_and_the_budget_counts_calls_once() {
    let retry = RetryLayer::default();
    let hedge = HedgeLayer::after(ms(50)).budget_of_outer(retry.handle().budget());
    let handle = hedge.handle();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = ServiceBuilder::new()
        .layer(retry)
        .layer(hedge)
        .service(service_fn({
            let seen = seen.clone();
            move |request: Request<ReplayBody<ReplayBody<String>>>| {
                let attempt = Attempt::of(&request).0;
                seen.lock().unwrap().push(attempt);
                async move {
                    tokio::time::sleep(ms(60)).await;
                    let status = if attempt < 4 { 503 } else { 200 };
                    let response = Response::builder().status(status);
                    Ok::<_, Infallible>(response.body(String::new()).unwrap())
                }
            }
        }));
    let response = service.oneshot(get()).await.unwrap();
    // Each attempt of the retry layer is hedged once; the number says how often it was sent before.
    assert_eq!(*seen.lock().unwrap(), [1, 2, 2, 3, 3, 4]);
    assert_eq!(response.status(), 200);
    let now = handle.snapshot();
    assert_eq!((now.calls, now.hedges), (1, 3));
    assert!((now.budget - 95.0).abs() < 0.5, "{}", now.budget);
}

#[tokio::test(start_paused = true)]
async fn it_is_steered_while_calls_run() {
    let (service, calls) = planned(&[(100, Ok(()))]);
    let layer = HedgeLayer::after(ms(50));
    let handle = layer.handle();
    let mut events = handle.subscribe(8);
    let mut service = layer.plain().layer(service);
    let off = HedgeConfig {
        enabled: false,
        ..handle.config()
    };
    handle.update(off).unwrap();
    service.call(1).await.unwrap();
    assert_eq!(calls.counts(), (1, 0));
    let event = events.next().await.unwrap();
    assert!(
        matches!(event.kind, EventKind::ConfigUpdated { changes } if changes == "enabled: true -> false")
    );
    let on = HedgeConfig {
        delay: Delay::Fixed(ms(90)),
        ..HedgeConfig::default()
    };
    handle.update(on).unwrap();
    service.call(1).await.unwrap();
    assert_eq!(calls.counts(), (3, 1));
    assert_eq!(handle.snapshot().delay, Some(ms(90)));
    let wrong = HedgeConfig {
        max_hedges: 99,
        ..on
    };
    assert!(handle.update(wrong).is_err());
    assert_eq!(handle.config(), on);
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_the_window_is_forgotten() {
    let observed = Observed {
        min_samples: 10,
        ..Observed::default()
    };
    let layer = layer(HedgeConfig {
        delay: Delay::Observed(observed),
        ..HedgeConfig::default()
    });
    let handle = layer.handle();
    let (service, _) = planned(&[(30, Ok(()))]);
    let mut service = layer.plain().layer(service);
    for _ in 0..20 {
        service.call(1).await.unwrap();
    }
    let delay = handle.snapshot().delay.unwrap();
    assert!((ms(30)..ms(33)).contains(&delay), "{delay:?}");
    tokio::time::sleep(ms(120_000)).await;
    service.call(1).await.unwrap();
    let now = handle.snapshot();
    assert_eq!((now.delay, now.samples), (Some(ms(100)), 1));
}

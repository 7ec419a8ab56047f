use std::time::Duration;

use tower::{BoxError, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_keep_test::sim::{Client, Request, Response};
use tower_resilience_bulkhead::{BulkheadError, BulkheadLayer};
use tower_resilience_circuitbreaker::{
    CircuitBreakerError, CircuitBreakerLayer, SlidingWindowType,
};
use tower_resilience_outlier::{OutlierDetectionLayer, OutlierDetector};
use tower_resilience_retry::{RetryBudgetBuilder, RetryLayer};
use tower_resilience_timelimiter::TimeLimiterLayer;

use super::{ATTEMPTS, Contender, FIRST_WAIT, Setting, is_bad, tower_own, unavailable};

/// tower-resilience, with a breaker that is set up like ours: its own defaults wait for 100 calls and
/// stay open for 30 s.
#[derive(Clone, Copy, Debug)]
pub struct Resilience;

/// Its breaker, its budget and its outlier detection read the clock of std, which no pause moves: so its
/// simulations run on virtual time that passes this many times as fast as real time, and these three get
/// durations that are as many times shorter.
const PACE: f64 = 20.0;

impl Contender for Resilience {
    fn name(&self) -> &'static str {
        "tower-resilience"
    }

    fn layers(&self) -> &'static str {
        "client: TimeLimiter, Retry (3 attempts, exponential backoff, token bucket of 10/s), CircuitBreaker \
         (half of at least 20 calls in 10 s, open for 5 s, 3 probes; 3 failures in a row, 2 s, 1 probe where a client makes few calls; 5xx are failures), Bulkhead (64), \
         TimeLimiter of an attempt; server: TimeLimiter, Bulkhead; replicas: outlier \
         detection (5 in a row) of each in tower's p2c Balance, inside Retry"
    }

    fn pace(&self) -> Option<f64> {
        Some(PACE)
    }

    fn client(&self, setting: &Setting, upstream: Client) -> Client {
        let (window, rate) = if setting.busy { (2, 0.4) } else { (10, 0.5) };
        let breaker = CircuitBreakerLayer::builder()
            .failure_rate_threshold(rate)
            .sliding_window_type(SlidingWindowType::TimeBased)
            .sliding_window_duration(Duration::from_secs(window).div_f64(PACE))
            .minimum_number_of_calls(20)
            .wait_duration_in_open(Duration::from_secs(5).div_f64(PACE))
            .permitted_calls_in_half_open(3);
        let breaker = if setting.few {
            breaker
                .consecutive_failures(3)
                .wait_duration_in_open(Duration::from_secs(2).div_f64(PACE))
                .permitted_calls_in_half_open(1)
        } else {
            breaker
        };
        let breaker = breaker
            .failure_classifier(|answer: &Result<Response, BoxError>| failed(answer))
            .build()
            .expect("a sound configuration");
        let bulkhead = BulkheadLayer::builder()
            .max_concurrent_calls(setting.at_once)
            .reject_when_full()
            .build()
            .expect("a sound configuration");
        let attempt = ServiceBuilder::new()
            .map_err(BoxError::from)
            .layer(breaker)
            .map_err(BoxError::from)
            .layer(bulkhead)
            .service(limited(setting.attempt, upstream));
        retrying(setting, BoxCloneSyncService::new(attempt))
    }

    fn server(&self, setting: &Setting, work: Client) -> Client {
        let bulkhead = BulkheadLayer::builder()
            .max_concurrent_calls(setting.places())
            .reject_when_full()
            .build()
            .expect("a sound configuration");
        let service = ServiceBuilder::new()
            .map_err(BoxError::from)
            .layer(bulkhead)
            .service(work);
        let service = limited(setting.call, BoxCloneSyncService::new(service));
        let answered = service.map_result(|answer: Result<Response, BoxError>| {
            Ok::<_, BoxError>(answer.unwrap_or_else(|_| unavailable()))
        });
        BoxCloneSyncService::new(answered)
    }

    fn balanced(&self, setting: &Setting, replicas: Vec<Client>) -> Client {
        let detector =
            OutlierDetector::new().base_ejection_duration(Duration::from_secs(30).div_f64(PACE));
        let replicas = replicas.into_iter().enumerate().map(|(at, replica)| {
            let name = at.to_string();
            detector.register(&name, 5);
            let outlier = OutlierDetectionLayer::builder()
                .detector(detector.clone())
                .instance_name(name)
                .failure_classifier(|answer: &Result<Response, BoxError>| failed(answer))
                .build()
                .expect("a sound configuration");
            let service = ServiceBuilder::new()
                .map_err(BoxError::from)
                .layer(outlier)
                .service(limited(setting.attempt, replica));
            BoxCloneSyncService::new(service)
        });
        retrying(setting, tower_own::balanced(replicas))
    }
}

fn failed(answer: &Result<Response, BoxError>) -> bool {
    answer
        .as_ref()
        .map_or(true, |answer| answer.status().is_server_error())
}

fn limited(time: Duration, inner: Client) -> Client {
    let layer = TimeLimiterLayer::builder().timeout_duration(time).build();
    let service = ServiceBuilder::new()
        .map_err(BoxError::from)
        .layer(layer)
        .service(inner);
    BoxCloneSyncService::new(service)
}

fn retrying(setting: &Setting, attempt: Client) -> Client {
    let floor = setting.floor.unwrap_or(10);
    let budget = RetryBudgetBuilder::new()
        .token_bucket()
        .tokens_per_second(f64::from(floor) * PACE)
        .max_tokens(10 * floor.max(1) as usize)
        .initial_tokens(10 * floor as usize)
        .build()
        .expect("a sound configuration");
    let retry = RetryLayer::<Request, Response, BoxError>::builder()
        .max_attempts(ATTEMPTS as usize)
        .exponential_backoff(FIRST_WAIT)
        .retry_on(|error: &BoxError| !is_refusal(error))
        .retry_on_response(is_bad)
        .budget(budget)
        .build();
    let service = ServiceBuilder::new()
        .map_err(BoxError::from)
        .layer(retry)
        .service(attempt);
    limited(setting.call, BoxCloneSyncService::new(service))
}

/// Whether a layer inside said no.
fn is_refusal(error: &BoxError) -> bool {
    let open = error.downcast_ref::<CircuitBreakerError<BoxError>>();
    open.is_some_and(|error| match error {
        CircuitBreakerError::OpenCircuit => true,
        CircuitBreakerError::Inner(inner) => inner.is::<BulkheadError>(),
    })
}

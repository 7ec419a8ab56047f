//! Asking again.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower::{
    Layer, Service, ServiceExt,
    retry::{
        Policy,
        budget::{Budget, TpsBudget},
    },
    service_fn,
};
use tower_keep::{
    backoff::Backoff,
    retry::{RetryConfig, RetryLayer},
};
use tower_resilience_retry::{RetryBudgetBuilder, RetryLayer as TheirRetry};

use crate::{
    case::{Case, Outcome, situation},
    support::{Call, Failure, Guarded, backend, ms, refuses},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w16_budget::case(),
        w17_answer_held::case(),
        w18_retry_after::case(),
        w18_post::case(),
        w19_jitter::case(),
    ]
}

pub(super) type Empty = Full<Bytes>;

/// When a service was asked.
type Times = Arc<Mutex<Vec<Instant>>>;

/// Fails every other call, and counts.
fn every_other() -> (impl Guarded<Error = Failure>, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    let service = service_fn(move |_: Call| {
        let bad = seen.fetch_add(1, Relaxed).is_multiple_of(2);
        ready(if bad { Err(Failure::Down) } else { Ok(()) })
    });
    (service, calls)
}

/// Ten thousand requests; a share of them may be sent again, and a few more.
async fn budget(service: impl Guarded, calls: Arc<AtomicUsize>, share: f64) -> Outcome {
    for _ in 0..10_000 {
        refuses(&service, Call::Good).await;
    }
    let calls = calls.load(Relaxed);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let holds = calls as f64 <= 10_000.0 * (1.02 + share);
    Outcome::new(holds, format!("{calls} calls"))
}

async fn their_budget() -> Outcome {
    let budget_of_ten = RetryBudgetBuilder::new()
        .token_bucket()
        .tokens_per_second(0.1)
        .max_tokens(10)
        .initial_tokens(10);
    let layer = TheirRetry::<Call, (), Failure>::builder()
        .max_attempts(3)
        .fixed_backoff(ms(1))
        .budget(budget_of_ten.build().expect("valid"))
        .build();
    let (service, calls) = every_other();
    budget(layer.layer(service), calls, 0.2).await
}

/// As tower's documentation has it.
#[derive(Clone)]
struct SixTenths(Arc<TpsBudget>);

impl Policy<Call, (), Failure> for SixTenths {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Call, outcome: &mut Result<(), Failure>) -> Option<Ready<()>> {
        if outcome.is_ok() {
            self.0.deposit();
            return None;
        }
        self.0.withdraw().then(|| ready(()))
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(*call)
    }
}

async fn tower_budget() -> Outcome {
    let policy = SixTenths(Arc::new(TpsBudget::new(ms(10_000), 0, 0.6)));
    let (service, calls) = every_other();
    budget(
        tower::retry::RetryLayer::new(policy).layer(service),
        calls,
        0.6,
    )
    .await
}

async fn our_budget() -> Outcome {
    let backoff = Backoff {
        base: ms(1),
        max: ms(1),
        ..Backoff::default()
    };
    let config = RetryConfig {
        backoff,
        ..RetryConfig::default()
    };
    let layer = RetryLayer::from_config(config).expect("valid").plain();
    let (service, calls) = every_other();
    budget(layer.layer(service), calls, 0.2).await
}

situation! {
    w16_budget: "W16", "every other call fails; 10 000 requests, with a budget (tower: of 0.6)";
    peer "tower-resilience-retry" => paused (their_budget);
    peer "tower" => paused (tower_budget);
    ours => paused (our_budget);
}

/// Answers 503 with this header, and notes when it was asked; the answer holds `held`.
fn busy<B: Send + 'static>(
    retry_after: Option<&'static str>,
    held: &Arc<()>,
) -> (
    impl Service<Request<B>, Response = Response<Empty>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
    + use<B>,
    Times,
) {
    let asked = Times::default();
    let (seen, held) = (asked.clone(), held.clone());
    let service = service_fn(move |_: Request<B>| {
        seen.lock().expect("nothing panics").push(Instant::now());
        let mut response = Response::new(Empty::default());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.extensions_mut().insert(held.clone());
        if let Some(value) = retry_after {
            let value = http::HeaderValue::from_static(value);
            response
                .headers_mut()
                .insert(http::header::RETRY_AFTER, value);
        }
        ready(Ok(response))
    });
    (service, asked)
}

pub(super) fn ask(method: Method) -> Request<Empty> {
    let request = Request::builder().method(method).body(Empty::default());
    request.expect("it is a request")
}

fn their_retry(wait: Option<Duration>) -> TheirRetry<Request<Empty>, Response<Empty>, Infallible> {
    let config = TheirRetry::builder().max_attempts(3);
    let config = match wait {
        Some(wait) => config.fixed_backoff(wait),
        None => config,
    };
    config
        .retry_on_response(|answer: &Response<Empty>| answer.status().is_server_error())
        .build()
}

fn our_retry(wait: Duration) -> RetryLayer {
    let backoff = Backoff {
        base: wait,
        max: wait,
        ..Backoff::default()
    };
    let config = RetryConfig {
        backoff,
        ..RetryConfig::default()
    };
    RetryLayer::from_config(config).expect("valid")
}

async fn held<S>(service: S, held: Arc<()>, idle: usize) -> Outcome
where
    S: Service<Request<Empty>, Future: Send + 'static> + Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    let call = tokio::spawn(service.oneshot(ask(Method::GET)));
    sleep(ms(1)).await;
    let answers = Arc::strong_count(&held) - idle;
    call.abort();
    Outcome::new(
        answers == 0,
        format!("{answers} answer held while it waits"),
    )
}

async fn their_held() -> Outcome {
    let token = Arc::new(());
    let (service, _) = busy(None, &token);
    let service = their_retry(Some(ms(60_000))).layer(service);
    held(service, token, 2).await
}

async fn our_held() -> Outcome {
    let token = Arc::new(());
    let (service, asked) = busy(Some("20"), &token);
    let outcome = held(our_retry(ms(60_000)).layer(service), token, 2).await;
    let asked = asked.lock().expect("nothing panics").len();
    Outcome::new(outcome.holds && asked == 1, outcome.saw)
}

situation! {
    w17_answer_held: "W17", "the answer that failed, while the retry waits";
    peer "tower-resilience-retry" => paused (their_held);
    ours => paused (our_held);
}

fn second_attempt(asked: &Times) -> Outcome {
    let asked = asked.lock().expect("nothing panics");
    let waited = asked.get(1).map(|second| *second - asked[0]);
    let saw = waited.map_or_else(
        || String::from("no retry"),
        |waited| format!("retried after {waited:.1?}"),
    );
    Outcome::new(waited.is_none_or(|waited| waited >= ms(20_000)), saw)
}

async fn their_hint() -> Outcome {
    let (service, asked) = busy(Some("20"), &Arc::default());
    their_retry(None)
        .layer(service)
        .oneshot(ask(Method::GET))
        .await
        .ok();
    second_attempt(&asked)
}

async fn our_hint() -> Outcome {
    let (service, asked) = busy(Some("20"), &Arc::default());
    RetryLayer::default()
        .layer(service)
        .oneshot(ask(Method::GET))
        .await
        .ok();
    second_attempt(&asked)
}

situation! {
    w18_retry_after: "W18", "503 with `Retry-After: 20`";
    peer "tower-resilience-retry" => paused (their_hint);
    ours => paused (our_hint);
}

fn once(asked: &Times) -> Outcome {
    let attempts = asked.lock().expect("nothing panics").len();
    Outcome::new(attempts == 1, format!("sent {attempts} times"))
}

async fn their_post() -> Outcome {
    let (service, asked) = busy(None, &Arc::default());
    their_retry(None)
        .layer(service)
        .oneshot(ask(Method::POST))
        .await
        .ok();
    once(&asked)
}

async fn our_post() -> Outcome {
    let (service, asked) = busy(None, &Arc::default());
    RetryLayer::default()
        .layer(service)
        .oneshot(ask(Method::POST))
        .await
        .ok();
    once(&asked)
}

situation! {
    w18_post: "W18b", "a `POST` whose answer is 503";
    peer "tower-resilience-retry" => paused (their_post);
    ours => paused (our_post);
}

async fn waits<S: Guarded>(layer: impl Fn() -> S) -> Outcome {
    let mut waits = BTreeSet::new();
    for _ in 0..20 {
        let start = Instant::now();
        refuses(&layer(), Call::Bad).await;
        waits.insert(start.elapsed());
    }
    Outcome::new(waits.len() > 10, format!("{} different waits", waits.len()))
}

situation! {
    w19_jitter: "W19", "the exponential preset; twenty callers that failed together";
    peer "tower-resilience-retry" => paused (|| waits(
        || TheirRetry::<Call, (), Failure>::exponential_backoff().build().layer(backend())
    ));
    ours => paused (|| waits(|| RetryLayer::default().plain().layer(backend())));
}

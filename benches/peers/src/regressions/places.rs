//! Who has a place, who waits for one, who is told no.

use std::{
    future::{Ready, poll_fn, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, buffer::Buffer, service_fn};
use tower_keep::{
    bulkhead::{BulkheadConfig, BulkheadLayer},
    circuit_breaker::CircuitBreakerLayer,
    timeout::TimeoutLayer,
};

use crate::{
    case::{Case, Outcome, situation},
    support::{Call, backend, ms, work},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        e3_deadline_of_the_queue::case(),
        e6_no_in_poll_ready::case(),
        e9_shed_by_the_scheduler::case(),
        e10_shed_with_nobody_there::case(),
        e11_idle_clone::case(),
    ]
}

/// Six callers at once of what takes 90 ms, one at a time, within 100 ms.
async fn queue<S>(service: S) -> Outcome
where
    S: Service<Call> + Clone,
{
    let start = Instant::now();
    let answers = join_all((0..6).map(async |_| {
        let answer = service.clone().oneshot(Call::Slow(ms(90))).await;
        (answer.is_ok(), start.elapsed())
    }))
    .await;
    let last = answers
        .iter()
        .map(|(_, after)| *after)
        .max()
        .unwrap_or_default();
    let good = answers.iter().filter(|(is_good, _)| *is_good).count();
    Outcome::new(
        last <= ms(110),
        format!("{good} answered, the last caller hears after {last:?}"),
    )
}

situation! {
    e3_deadline_of_the_queue: "E3", "a timeout of 100 ms outside a limit of 1, work of 90 ms, six callers";
    peer "tower" => paused (|| queue(
        ServiceBuilder::new()
            .timeout(ms(100))
            .concurrency_limit(1)
            .service(backend())
    ));
    ours => paused (|| queue({
        let config = BulkheadConfig { max_queue: 6, max_wait: ms(10_000), ..BulkheadConfig::new(1) };
        let bulkhead = BulkheadLayer::from_config(config).expect("valid");
        TimeoutLayer::new(ms(100)).plain().layer(bulkhead.plain().layer(backend()))
    }));
}

/// A breaker that says no where it is asked whether it is ready, once.
struct NoInPollReady(Arc<AtomicBool>);

impl Service<Call> for NoInPollReady {
    type Response = ();
    type Error = BoxError;
    type Future = Ready<Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.0.swap(false, Relaxed) {
            return Poll::Ready(Err("circuit open".into()));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call) -> Self::Future {
        ready(Ok(()))
    }
}

async fn later<S>(service: S) -> Outcome
where
    S: Service<Call> + Clone,
{
    let mut served = 0;
    for _ in 0..10 {
        served += usize::from(service.clone().oneshot(Call::Good).await.is_ok());
    }
    Outcome::new(served == 10, format!("{served} of 10 later calls served"))
}

async fn tower_open() -> Outcome {
    let service = Buffer::new(NoInPollReady(Arc::new(AtomicBool::new(true))), 10);
    service.clone().oneshot(Call::Good).await.ok();
    later(service).await
}

async fn our_open() -> Outcome {
    let breaker = CircuitBreakerLayer::new();
    let handle = breaker.handle();
    let service = service_fn(async |call| work(call).await.map_err(BoxError::from));
    let service = Buffer::new(breaker.plain().layer(service), 10);
    handle.force_open();
    let refused = service.clone().oneshot(Call::Good).await.is_err();
    handle.force_closed();
    let outcome = later(service).await;
    Outcome::new(refused && outcome.holds, outcome.saw)
}

situation! {
    e6_no_in_poll_ready: "E6", "a `Buffer` around a breaker that is open once (tower: says so in `poll_ready`)";
    peer "tower" => paused (tower_open);
    ours => paused (our_open);
}

/// 400 calls from one task, one after another.
async fn dispatch<S>(mut service: S) -> Outcome
where
    S: Service<Call, Error = BoxError>,
{
    let mut calls = Vec::new();
    for _ in 0..400 {
        if let Ok(ready) = service.ready().await {
            calls.push(ready.call(Call::Slow(ms(1))));
        }
    }
    let refused = join_all(calls)
        .await
        .into_iter()
        .filter(Result::is_err)
        .count();
    Outcome::new(refused == 0, format!("{refused} of 400 turned away"))
}

async fn buffered() -> Buffer<Call, <Boxed as Service<Call>>::Future> {
    let service = service_fn(async |call| work(call).await.map_err(BoxError::from));
    Buffer::new(Boxed::new(service), 1000)
}

type Boxed = tower::util::BoxCloneSyncService<Call, (), BoxError>;

async fn tower_buffer() -> Outcome {
    dispatch(ServiceBuilder::new().load_shed().service(buffered().await)).await
}

async fn our_buffer() -> Outcome {
    dispatch(BulkheadLayer::new(1000).plain().layer(buffered().await)).await
}

situation! {
    e9_shed_by_the_scheduler: "E9", "room for 1 000 around a buffer of 1 000; one task makes 400 calls";
    peer "tower" => paused (tower_buffer);
    ours => paused (our_buffer);
}

/// A runs, B is turned away and stays around, A ends; then C.
async fn after_a_refusal<S>(service: S) -> Outcome
where
    S: Service<Call, Future: Send + 'static> + Clone + Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    let a = tokio::spawn(service.clone().oneshot(Call::Slow(ms(10))));
    sleep(ms(1)).await;
    let mut b = service.clone();
    let refused = match poll_fn(|cx| b.poll_ready(cx)).await {
        Ok(()) => b.call(Call::Good).await.is_err(),
        Err(_) => true,
    };
    a.await.ok();
    let c = service.clone().oneshot(Call::Good).await.is_ok();
    drop(b);
    let d = service.oneshot(Call::Good).await.is_ok();
    let saw = format!("B refused: {refused}, C served: {c}, D served: {d}");
    Outcome::new(refused && c && d, saw)
}

situation! {
    e10_shed_with_nobody_there: "E10", "a limit of 1 that sheds; B was turned away and its clone is kept, A has ended";
    peer "tower" => paused (|| after_a_refusal(
        ServiceBuilder::new().load_shed().concurrency_limit(1).service(backend())
    ));
    ours => paused (|| after_a_refusal(BulkheadLayer::new(1).plain().layer(backend())));
}

/// One clone is polled ready and never called.
async fn idle<S>(service: S) -> Outcome
where
    S: Service<Call> + Clone,
{
    let mut idle = service.clone();
    poll_fn(|cx| idle.poll_ready(cx)).await.ok();
    let served = timeout(ms(3_600_000), service.oneshot(Call::Good)).await;
    let served = matches!(served, Ok(Ok(_)));
    drop(idle);
    Outcome::new(
        served,
        if served {
            "others are served"
        } else {
            "others wait for an hour"
        },
    )
}

situation! {
    e11_idle_clone: "E11", "a limit of 1; a clone is polled ready and never called";
    peer "tower" => paused (|| idle(
        ServiceBuilder::new().concurrency_limit(1).service(backend())
    ));
    ours => paused (|| idle(BulkheadLayer::new(1).plain().layer(backend())));
}

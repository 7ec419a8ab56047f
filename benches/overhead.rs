//! What a layer adds to a call that it lets through: `cargo bench --bench overhead`.
//!
//! Each layer stands in front of the same service, which answers at once; `bare` is that service
//! alone, in the same run. Divan prints allocations beside the times: the admitted path has none, a
//! refusal one, the box of its error.

use std::{
    future::{Pending, Ready, pending, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use divan::{AllocProfiler, Bencher, black_box};
use tower_keep::{
    BoxError,
    adaptive::{AdaptiveConfig, AdaptiveLayer},
    balance::{Balance, BalanceConfig, Balanced},
    bulkhead::BulkheadLayer,
    catch_panic::CatchPanicLayer,
    chaos::{ChaosConfig, ChaosLayer, Fault},
    circuit_breaker::CircuitBreakerLayer,
    coalesce::CoalesceLayer,
    detach::DetachLayer,
    fallback::{Causes, FallbackLayer},
    hedge::HedgeLayer,
    keyed::Key,
    load_shed::{LoadShedConfig, LoadShedLayer},
    observe::Decision,
    protocol::Plain,
    rate_limit::{Rate, RateLimitLayer},
    retry::RetryLayer,
    throttle::ThrottleLayer,
    timeout::TimeoutLayer,
};
use tower_layer::{Identity, Layer, Stack};
use tower_service::Service;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Answers at once.
#[derive(Clone, Copy)]
struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = BoxError;
    type Future = Ready<Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, n: u64) -> Self::Future {
        ready(Ok(n))
    }
}

/// Times ready, call and answer of `layer` around [`Echo`].
fn call<L>(bencher: Bencher<'_, '_>, layer: L)
where
    L: Layer<Echo, Service: Service<u64, Response = u64, Error = BoxError>>,
{
    time(bencher, layer, |answer| answer.is_ok());
}

/// The same for a layer that turns every call away; dropping the error is part of it.
fn refuse<L>(bencher: Bencher<'_, '_>, layer: L)
where
    L: Layer<Echo, Service: Service<u64, Response = u64, Error = BoxError>>,
{
    time(bencher, layer, |answer| answer.is_err());
}

fn time<L>(bencher: Bencher<'_, '_>, layer: L, expected: fn(&Result<u64, BoxError>) -> bool)
where
    L: Layer<Echo, Service: Service<u64, Response = u64, Error = BoxError>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without sockets needs nothing");
    let _entered = runtime.enter();
    let mut service = layer.layer(Echo);
    let mut cx = Context::from_waker(Waker::noop());
    bencher.bench_local(|| {
        let Poll::Ready(Ok(())) = service.poll_ready(&mut cx) else {
            unreachable!("always ready")
        };
        let future = pin!(service.call(black_box(7)));
        let Poll::Ready(answer) = future.poll(&mut cx) else {
            unreachable!("answers at once")
        };
        assert!(expected(&answer));
    });
}

#[divan::bench]
fn bare(bencher: Bencher<'_, '_>) {
    call(bencher, Identity::new());
}

/// A balancer over ten of what it is given; it is no layer itself.
struct Ten;

impl<S: Clone> Layer<S> for Ten {
    type Service = Balanced<S, Plain>;

    fn layer(&self, inner: S) -> Self::Service {
        let config = BalanceConfig {
            slow_start: std::time::Duration::ZERO,
            ..BalanceConfig::default()
        };
        let balance = Balance::from_config(config).expect("in range");
        balance.plain().over((0..10).map(|n| (n, inner.clone())))
    }
}

#[divan::bench]
fn balance(bencher: Bencher<'_, '_>) {
    call(bencher, Ten);
}

#[divan::bench]
fn adaptive(bencher: Bencher<'_, '_>) {
    call(bencher, AdaptiveLayer::new().plain());
}

#[divan::bench]
fn bulkhead(bencher: Bencher<'_, '_>) {
    call(bencher, BulkheadLayer::new(1000).plain());
}

#[divan::bench]
fn catch_panic(bencher: Bencher<'_, '_>) {
    call(bencher, CatchPanicLayer::new().plain());
}

#[divan::bench]
fn chaos(bencher: Bencher<'_, '_>) {
    let config = ChaosConfig::new(0.0, Fault::Error);
    let layer = ChaosLayer::from_config(config).expect("in range");
    call(bencher, layer.plain());
}

#[divan::bench]
fn circuit_breaker(bencher: Bencher<'_, '_>) {
    call(bencher, CircuitBreakerLayer::new().plain());
}

/// Leads a flight that nobody joins.
#[divan::bench]
fn coalesce_leading(bencher: Bencher<'_, '_>) {
    let layer = CoalesceLayer::new().plain_by(|n: &u64| Some(n.to_le_bytes()));
    call(bencher, layer);
}

#[divan::bench]
fn coalesce_without_key(bencher: Bencher<'_, '_>) {
    call(
        bencher,
        CoalesceLayer::new().plain_by(|_: &u64| None::<[u8; 8]>),
    );
}

#[divan::bench]
fn detach(bencher: Bencher<'_, '_>) {
    call(bencher, DetachLayer::new(16).plain());
}

#[divan::bench]
fn fallback(bencher: Bencher<'_, '_>) {
    let layer = FallbackLayer::new().plain();
    call(bencher, layer.when(Causes::ANY, |_, outcome| outcome));
}

#[divan::bench]
fn hedge(bencher: Bencher<'_, '_>) {
    call(bencher, HedgeLayer::default().plain());
}

#[divan::bench]
fn keyed_bulkhead(bencher: Bencher<'_, '_>) {
    let key = Key::by_request(|_: &u64| Some("a.example:8080".into()));
    call(bencher, BulkheadLayer::new(1000).plain().keyed(key));
}

#[divan::bench]
fn rate_limit(bencher: Bencher<'_, '_>) {
    let rate = Rate::per_second(1_000_000_000);
    call(bencher, RateLimitLayer::new(rate).plain());
}

#[divan::bench]
fn load_shed(bencher: Bencher<'_, '_>) {
    call(bencher, LoadShedLayer::new(1000).plain());
}

#[divan::bench]
fn throttle(bencher: Bencher<'_, '_>) {
    call(bencher, ThrottleLayer::new().plain());
}

#[divan::bench]
fn retry(bencher: Bencher<'_, '_>) {
    call(bencher, RetryLayer::default().plain());
}

#[divan::bench]
fn timeout(bencher: Bencher<'_, '_>) {
    call(bencher, TimeoutLayer::default().plain());
}

/// What [`bulkhead`] costs once any call in the process is recorded: a look at the thread.
#[divan::bench]
fn decision(bencher: Bencher<'_, '_>) {
    let _recorded = Decision::new();
    call(bencher, BulkheadLayer::new(1000).plain());
}

#[divan::bench]
fn timeout_retry_breaker_bulkhead(bencher: Bencher<'_, '_>) {
    let layers = Stack::new(
        BulkheadLayer::new(1000).plain(),
        Stack::new(
            CircuitBreakerLayer::new().plain(),
            Stack::new(
                RetryLayer::default().plain(),
                TimeoutLayer::default().plain(),
            ),
        ),
    );
    call(bencher, layers);
}

#[divan::bench]
fn refused_by_bulkhead(bencher: Bencher<'_, '_>) {
    refuse(bencher, BulkheadLayer::new(0).plain());
}

/// By a limit of one place that is taken.
#[divan::bench]
fn refused_by_adaptive(bencher: Bencher<'_, '_>) {
    let config = AdaptiveConfig {
        initial_limit: 1,
        min_limit: 1,
        max_limit: 1,
        ..AdaptiveConfig::server()
    };
    let layer = AdaptiveLayer::from_config(config)
        .expect("in range")
        .plain();
    let _taken = layer.layer(Echo).call(7);
    refuse(bencher, layer);
}

#[divan::bench]
fn refused_by_circuit_breaker(bencher: Bencher<'_, '_>) {
    let layer = CircuitBreakerLayer::new();
    layer.handle().force_open();
    refuse(bencher, layer.plain());
}

#[divan::bench]
fn refused_by_rate_limit(bencher: Bencher<'_, '_>) {
    let layer = RateLimitLayer::new(Rate::per_hour(1));
    layer.handle().drain();
    refuse(bencher, layer.plain());
}

/// With no queue and its one place taken for good.
#[divan::bench]
fn refused_by_load_shed(bencher: Bencher<'_, '_>) {
    let config = LoadShedConfig {
        max_queue: 0,
        ..LoadShedConfig::new(1)
    };
    let layer = LoadShedLayer::from_config(config)
        .expect("in range")
        .plain();
    let mut pending = layer.layer(Forever);
    let _running = pending.call(7);
    refuse(bencher, layer);
}

/// Nine of ten, that is, since the tenth goes out.
#[divan::bench]
fn refused_by_throttle(bencher: Bencher<'_, '_>) {
    let layer = ThrottleLayer::new().plain();
    let mut broken = layer.layer(Broken);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        let _ = pin!(broken.call(7)).poll(&mut cx);
    }
    time(bencher, layer, |_| true);
}

/// Answers never.
#[derive(Clone, Copy)]
struct Forever;

impl Service<u64> for Forever {
    type Response = u64;
    type Error = BoxError;
    type Future = Pending<Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: u64) -> Self::Future {
        pending()
    }
}

/// Fails at once.
#[derive(Clone, Copy)]
struct Broken;

impl Service<u64> for Broken {
    type Response = u64;
    type Error = BoxError;
    type Future = Ready<Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: u64) -> Self::Future {
        ready(Err("broken".into()))
    }
}

//! What a layer adds to a call that it lets through: `cargo bench --bench overhead`.
//!
//! Each layer stands in front of the same service, which answers at once; `bare` is that service
//! alone, in the same run. Divan prints allocations beside the times: the admitted path has none, a
//! refusal one, the box of its error.

use std::{
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use divan::{AllocProfiler, Bencher, black_box};
use tower_keep::{
    BoxError, bulkhead::BulkheadLayer, circuit_breaker::CircuitBreakerLayer, retry::RetryLayer,
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

#[divan::bench]
fn bulkhead(bencher: Bencher<'_, '_>) {
    call(bencher, BulkheadLayer::new(1000).plain());
}

#[divan::bench]
fn circuit_breaker(bencher: Bencher<'_, '_>) {
    call(bencher, CircuitBreakerLayer::new().plain());
}

#[divan::bench]
fn retry(bencher: Bencher<'_, '_>) {
    call(bencher, RetryLayer::default().plain());
}

#[divan::bench]
fn timeout(bencher: Bencher<'_, '_>) {
    call(bencher, TimeoutLayer::default().plain());
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

#[divan::bench]
fn refused_by_circuit_breaker(bencher: Bencher<'_, '_>) {
    let layer = CircuitBreakerLayer::new();
    layer.handle().force_open();
    refuse(bencher, layer.plain());
}

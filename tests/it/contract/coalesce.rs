//! Its calls in the contract have bodies, so by the usual key none of them would be shared: they are
//! given one, a different one each.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tower_keep::coalesce::CoalesceLayer;
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract::Contract,
};

fn keyed() -> CoalesceLayer {
    let next = AtomicU64::new(0);
    CoalesceLayer::new().key(move |_| Some(next.fetch_add(1, Relaxed).to_le_bytes()))
}

fn at_rest(layer: &CoalesceLayer) {
    let now = layer.handle().snapshot();
    assert_eq!((now.in_flight, now.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn on_http_alone() {
    Contract::new(CoalesceLayer::new, at_rest).http().await;
}

#[tokio::test(start_paused = true)]
async fn on_http_leading() {
    // The key, the flight, its place on the board; the answer, its share and its frames.
    Contract::new(keyed, at_rest)
        .allowing_allocations(7)
        .http()
        .await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    let next = AtomicU64::new(0);
    let make_layer = move || {
        let first = next.fetch_add(1_000_000, Relaxed);
        let next = AtomicU64::new(first);
        CoalesceLayer::new().plain_by(move |_: &u64| Some(next.fetch_add(1, Relaxed).to_le_bytes()))
    };
    Contract::new(make_layer, |_: &CoalesceLayer<_, _>| {})
        .allowing_allocations(4)
        .plain()
        .await;
}

#[tokio::test]
async fn shares_however_axum_applies_it() {
    let make_layer = || CoalesceLayer::new().key(|_| Some(*b"all"));
    let outcomes = axum_matrix::run(Load::OneByOne(6), make_layer, async |_| "one").await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        // One by one nothing is on its way that could be shared.
        assert_eq!(outcome.hits, 6, "{outcome:?}");
    }
}

//! Its calls move to other tasks, so it cannot be laid around a service that is not `Send`: the
//! contract without that clause.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tower::ServiceExt;
use tower_keep::detach::DetachLayer;
use tower_keep_test::contract::{self, Http, Plain};
use tower_layer::Layer;

#[tokio::test(start_paused = true)]
async fn on_http() {
    let layer = DetachLayer::new(1);
    let at_rest = || assert_eq!(layer.handle().snapshot().detached, 0);
    contract::readiness(Http, &layer, at_rest).await;
    contract::cancellation(Http, &layer, at_rest).await;
    contract::panics(Http, &layer, at_rest).await;
    contract::wakeups(Http, &layer).await;
    contract::body_passthrough(&layer).await;
    contract::not_clone_request(&layer).await;
    // Its requests are reads, which need no box.
    contract::allocations(Http, &layer, 0).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    let layer = DetachLayer::new(1).plain();
    let at_rest = || {};
    contract::readiness(Plain, &layer, at_rest).await;
    contract::panics(Plain, &layer, at_rest).await;
    contract::wakeups(Plain, &layer).await;
    // The box that the call may go on in.
    contract::allocations(Plain, &layer, 1).await;
}

#[tokio::test(start_paused = true)]
async fn is_one_bound_however_it_is_applied() {
    let layer = DetachLayer::new(2).plain();
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let done = done.clone();
        let service = tower::service_fn(move |(): ()| {
            let done = done.clone();
            async move {
                tokio::task::yield_now().await;
                done.fetch_add(1, Relaxed);
                Ok::<_, tower_keep::BoxError>(())
            }
        });
        let call = layer.layer(service).oneshot(());
        assert!(
            tokio::time::timeout(std::time::Duration::ZERO, call)
                .await
                .is_err()
        );
    }
    layer.handle().idle().await;
    assert_eq!(done.load(Relaxed), 2);
    assert_eq!(layer.handle().snapshot().dropped, 1);
}

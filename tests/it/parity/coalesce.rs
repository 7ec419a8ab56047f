//! One call for many callers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::sleep;
use tower::{BoxError, Service, ServiceExt, service_fn};
use tower_keep::coalesce::CoalesceLayer;
use tower_keep_test::Driven;
use tower_layer::Layer;

fn shared(
    calls: &Arc<AtomicUsize>,
) -> impl Service<u64, Response = u64, Error = BoxError, Future: Send> + Clone + use<> {
    let calls = calls.clone();
    let layer = CoalesceLayer::new().plain_by(|n: &u64| Some(n.to_le_bytes()));
    layer.layer(service_fn(move |n: u64| {
        calls.fetch_add(1, Relaxed);
        async move {
            sleep(Duration::from_millis(100)).await;
            Ok(n + 1)
        }
    }))
}

/// CO1: single flight by key.
/// Yes, over HTTP too: the answer streams to the first caller and is kept on the way for the others,
/// unless it is private or too large.
#[tokio::test(start_paused = true)]
async fn co1() {
    let calls = Arc::new(AtomicUsize::new(0));
    let service = shared(&calls);
    let answers = futures_util::future::join_all([1, 1, 2].map(|n| service.clone().oneshot(n)));
    let answers: Vec<_> = answers.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [2, 2, 3]);
    assert_eq!(calls.load(Relaxed), 2);
}

/// CO2: who waits is parked.
/// Yes: polled once to wait and once with the answer, woken once.
#[tokio::test(start_paused = true)]
async fn co2() {
    let calls = Arc::default();
    let service = shared(&calls);
    let mut leader = Driven::new(service.clone().oneshot(1));
    let mut waiter = Driven::new(service.oneshot(1));
    assert!(leader.poll().is_pending() && waiter.poll().is_pending());
    leader.finish().await.unwrap();
    assert_eq!(waiter.finish().await.unwrap(), 2);
    assert_eq!((waiter.polls(), waiter.wakes()), (2, 1));
}

/// CO3: a leader that is cancelled is replaced.
/// Yes: the one who waits longest leads, with the request that it kept; after two failures the others
/// ask by themselves at once, so nobody waits for a row of them.
#[tokio::test(start_paused = true)]
async fn co3() {
    let calls = Arc::new(AtomicUsize::new(0));
    let service = shared(&calls);
    let mut leader = Driven::new(service.clone().oneshot(1));
    let mut waiter = Driven::new(service.oneshot(1));
    assert!(leader.poll().is_pending() && waiter.poll().is_pending());
    drop(leader);
    assert_eq!(waiter.finish().await.unwrap(), 2);
    assert_eq!(calls.load(Relaxed), 2);
}

//! What retries may cost, over all calls together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::{Instant, advance};
use tower::{ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    observe::{Condition, Watch},
    retry::{Budget, BudgetConfig, RetryLayer, Skip},
};
use tower_layer::Layer;

use crate::retry::layer;

#[tokio::test(start_paused = true)]
async fn a_storm_of_failing_callers_costs_the_upstream_a_fifth_more() {
    const CALLERS: usize = 5_000;
    let layer = RetryLayer::default().plain();
    let handle = layer.handle();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let service = layer.layer(service_fn(move |_: u64| {
        count.fetch_add(1, SeqCst);
        std::future::ready(Err::<u64, BoxError>("down".into()))
    }));
    let start = Instant::now();
    let answers = join_all((0..CALLERS).map(|n| service.clone().oneshot(n as u64))).await;
    assert!(answers.iter().all(Result::is_err));
    let floor = 10.0 * (10.0 + start.elapsed().as_secs_f64());
    let most = CALLERS as f64 * 1.2 + floor;
    let seen = seen.load(SeqCst);
    assert!(
        seen as f64 <= most && seen > CALLERS + CALLERS / 10,
        "{seen} of {most}"
    );
    assert!(handle.snapshot().skipped[&Skip::Budget] > 3_000);
    assert_eq!(handle.vitals().condition, Condition::Strained);
    advance(Duration::from_secs(5)).await;
    assert!(handle.snapshot().budget > 30.0, "it recovers");
    assert_eq!(handle.vitals().condition, Condition::Normal);
}

#[tokio::test(start_paused = true)]
async fn clones_and_two_layers_share_a_budget() {
    let config = BudgetConfig {
        ratio: 0.5,
        floor: 0,
    };
    let budget = Budget::new(config).unwrap();
    let [reads, writes] = [(), ()].map(|()| layer().budget(budget.clone()).plain());
    let alone = layer().budget(Budget::new(config).unwrap()).plain();
    let down = service_fn(|_: u64| std::future::ready(Err::<u64, BoxError>("down".into())));
    let fine = service_fn(|n: u64| std::future::ready(Ok::<u64, BoxError>(n)));
    for n in 0..6 {
        reads.clone().layer(fine).oneshot(n).await.unwrap();
    }
    assert_eq!(budget.balance(), 3.0);
    for _ in 0..2 {
        let _ = writes.clone().layer(down).oneshot(0).await;
        let _ = alone.clone().layer(down).oneshot(0).await;
    }
    // Six calls and the first of these two earned 3.5; two calls of its own do not earn one.
    assert_eq!(writes.handle().snapshot().retries, 3);
    assert_eq!(alone.handle().snapshot().retries, 0);
    assert_eq!(reads.handle().snapshot().calls, 8);
    assert_eq!(
        reads.handle().budget().balance(),
        writes.handle().snapshot().budget
    );
}

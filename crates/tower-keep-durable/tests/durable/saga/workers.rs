//! Several workers on one database, paused ones among them.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::timeout};
use tower_keep_durable::{
    Db,
    saga::{Passed, Status, StepName, Worker},
};

use super::{harness::Shop, toy::Step};

/// Only ends a test that hangs.
const HANGS: Duration = Duration::from_secs(60);

async fn a_paused_worker_writes_nothing_when_it_wakes(db: Db) {
    let mut shop = Shop::new(db).await;
    for step in Step::ALL {
        let (paused, gate) = shop.gated(step);
        let id = shop.order().await;
        let pass = tokio::spawn(async move { paused.pass().await.unwrap() });
        timeout(HANGS, gate.entered.notified()).await.unwrap();
        // Longer than its lease, which it did not renew.
        shop.clock.advance(Duration::from_secs(31));
        shop.drain().await;
        assert_eq!(shop.status(&id).await, Status::Completed);
        gate.open.notify_one();
        let passed = timeout(HANGS, pass).await.unwrap().unwrap();
        assert_eq!(passed, Passed::Lost { id: id.clone() }, "at {step:?}");
        for step in Step::ALL {
            assert_eq!(shop.logged(&id, "done", step.name()).await, 1, "{step:?}");
        }
    }
    shop.settle().await;
}

async fn a_lease_is_renewed_while_a_step_runs(db: Db) {
    let mut shop = Shop::new(db).await;
    let (slow, gate) = shop.gated(Step::ReserveStock);
    let slow = slow.lease(Duration::from_millis(30));
    let id = shop.order().await;
    let pass = tokio::spawn(async move { slow.pass().await.unwrap() });
    timeout(HANGS, gate.entered.notified()).await.unwrap();
    // Always 20 ms later, a heartbeat comes in time: the clock stands still meanwhile.
    for _ in 0..5 {
        shop.clock.advance(Duration::from_millis(20));
        let renewed = async {
            while lease(&shop, &id).await - shop.clock.now() < 30_000 {
                tokio::task::yield_now().await;
            }
        };
        timeout(HANGS, renewed).await.unwrap();
        assert_eq!(shop.worker.pass().await.unwrap(), Passed::Idle);
    }
    gate.open.notify_one();
    let status = Status::Completed;
    assert_eq!(pass.await.unwrap(), Passed::Moved { id, status });
    shop.settle().await;
}

async fn lease(shop: &Shop, id: &str) -> i64 {
    shop.sagas.get(id).await.unwrap().unwrap().lease_until
}

async fn a_worker_that_lost_its_saga_drops_the_step(db: Db) {
    let mut shop = Shop::new(db).await;
    let (slow, gate) = shop.gated(Step::ReserveStock);
    let slow = slow.lease(Duration::from_millis(30));
    let id = shop.order().await;
    let pass = tokio::spawn(async move { slow.pass().await.unwrap() });
    timeout(HANGS, gate.entered.notified()).await.unwrap();
    shop.sagas.abandon(&id, "fraud", "case 7").await.unwrap();
    // The gate stays shut: only the heartbeat can end the pass.
    let passed = timeout(HANGS, pass).await.unwrap().unwrap();
    assert_eq!(passed, Passed::Lost { id: id.clone() });
    assert_eq!(shop.status(&id).await, Status::Abandoned);
}

async fn workers_that_run_share_the_sagas_and_stop_when_told(db: Db) {
    let mut shop = Shop::new(db).await;
    let mut stops = Vec::new();
    let mut runs = Vec::new();
    for _ in 0..3 {
        let (stop, stopped) = oneshot::channel::<()>();
        let worker = Worker::new(&shop.sagas)
            .register(shop.saga.clone())
            .unwrap();
        let worker = Arc::new(worker.concurrency(2).poll(Duration::from_millis(5)));
        runs.push(tokio::spawn(async move {
            worker.run(async { drop(stopped.await) }).await;
        }));
        stops.push(stop);
    }
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(shop.order().await);
        shop.sagas.wake();
    }
    let all_end = async {
        while !shop.sagas.list(None, 1).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANGS, all_end).await.expect("all end");
    drop(stops);
    for run in runs {
        timeout(HANGS, run).await.expect("stops").unwrap();
    }
    for id in &ids {
        for step in Step::ALL {
            assert_eq!(
                shop.logged(id, "done", step.name()).await,
                1,
                "{id} {step:?}"
            );
        }
        // One claim is enough where nobody died.
        assert_eq!(shop.sagas.get(id).await.unwrap().unwrap().epoch, 1);
    }
    shop.settle().await;
}

async fn a_worker_that_is_stopped_gives_its_sagas_back(db: Db) {
    let mut shop = Shop::new(db).await;
    let (slow, gate) = shop.gated(Step::ReserveStock);
    let id = shop.order().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(async move { slow.run(async { drop(stopped.await) }).await });
    timeout(HANGS, gate.entered.notified()).await.unwrap();
    stop.send(()).unwrap();
    gate.open.notify_one();
    timeout(HANGS, run).await.expect("stops").unwrap();
    let saga = shop.sagas.get(&id).await.unwrap().unwrap();
    assert_eq!((saga.lease_until, saga.ambiguous), (0, false));
    shop.settle().await;
    assert_eq!(shop.sagas.get(&id).await.unwrap().unwrap().epoch, 2);
}

super::on_both!(
    a_paused_worker_writes_nothing_when_it_wakes,
    a_lease_is_renewed_while_a_step_runs,
    a_worker_that_lost_its_saga_drops_the_step,
    workers_that_run_share_the_sagas_and_stop_when_told,
    a_worker_that_is_stopped_gives_its_sagas_back,
);

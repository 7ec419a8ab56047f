//! What a person sees and does.

use std::time::Duration;

use tower_keep_durable::{
    Db,
    saga::{
        Fault::LoseRequest, LockError, Locked, Passed, Plan, SagaError, Script, Status, StepName,
        Verb, Worker, holder, lock, unlock,
    },
};

use super::{harness::Shop, toy::Step};

async fn an_abandoned_saga_says_why_and_is_left_alone(db: Db) {
    let mut shop = Shop::new(db).await;
    let id = shop.order().await;
    shop.sagas
        .abandon(&id, "fraud", "see case 7")
        .await
        .unwrap();
    assert_eq!(shop.worker.pass().await.unwrap(), Passed::Idle);
    assert_eq!(shop.status(&id).await, Status::Abandoned);
    let log = shop.sagas.log(&id).await.unwrap();
    let last = log.last().unwrap();
    assert_eq!(
        (last.event.as_str(), last.status.as_str()),
        ("abandoned", "abandoned")
    );
    assert!(
        last.data.contains("fraud") && last.data.contains("see case 7"),
        "{}",
        last.data
    );
    for again in [
        shop.sagas.retry(&id).await,
        shop.sagas.abandon(&id, "", "").await,
    ] {
        let error = again.unwrap_err();
        assert!(matches!(error, SagaError::Ended { .. }), "{error}");
    }
    let missing = shop.sagas.retry("o99").await.unwrap_err();
    assert!(matches!(missing, SagaError::Missing(_)), "{missing}");
}

async fn a_saga_that_waits_goes_on_at_once_when_told(db: Db) {
    let mut shop = Shop::new(db).await;
    let step = Step::Ship.name();
    shop.faults
        .inject(step, Verb::Run, Script::first([Some(LoseRequest)]));
    let id = shop.order().await;
    shop.worker.pass().await.unwrap();
    assert_eq!(shop.worker.pass().await.unwrap(), Passed::Idle);
    shop.sagas.retry(&id).await.unwrap();
    assert!(matches!(
        shop.worker.pass().await.unwrap(),
        Passed::Moved { .. }
    ));
    assert_eq!(shop.status(&id).await, Status::Completed);
    assert_eq!(shop.logged(&id, "retried", "").await, 1);
}

async fn sagas_are_listed_by_status_and_shown_where_they_are(db: Db) {
    let mut shop = Shop::new(db).await;
    let done = shop.order().await;
    shop.drain().await;
    let step = Step::Ship.name();
    shop.faults
        .inject(step, Verb::Run, Script::first([Some(LoseRequest)]));
    let open = shop.order().await;
    shop.worker.pass().await.unwrap();
    let listed = shop.sagas.list(None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].id, listed[0].step.as_str()), (&open, step));
    assert!(listed[0].error.as_deref().unwrap().contains("lost"));
    assert!(listed[0].ambiguous);
    let ended = shop.sagas.list(Some(Status::Completed), 10).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].id, done);
    assert_eq!(shop.sagas.get("o99").await.unwrap(), None);
}

async fn sagas_that_ended_long_ago_are_forgotten(db: Db) {
    let mut shop = Shop::new(db).await;
    let old = [shop.order().await, shop.order().await];
    shop.drain().await;
    shop.clock.advance(Duration::from_secs(100));
    let new = shop.order().await;
    shop.drain().await;
    let open = shop.order().await;
    shop.clock.advance(Duration::from_secs(1));
    let age = Duration::from_secs(50);
    assert_eq!(shop.sagas.forget(age, 1).await.unwrap(), 1);
    assert_eq!(shop.sagas.forget(age, 10).await.unwrap(), 1);
    assert_eq!(shop.sagas.forget(age, 10).await.unwrap(), 0);
    for id in &old {
        assert_eq!(shop.sagas.get(id).await.unwrap(), None);
        assert!(shop.sagas.log(id).await.unwrap().is_empty());
    }
    assert_eq!(shop.status(&new).await, Status::Completed);
    assert_eq!(shop.status(&open).await, Status::Running);
}

async fn a_saga_of_a_known_id_is_not_started_twice(db: Db) {
    let mut shop = Shop::new(db).await;
    let id = shop.order().await;
    let mut tx = shop.db.begin_write().await.unwrap();
    let order = super::toy::Order {
        id: id.clone(),
        done: Vec::new(),
    };
    let again = shop.sagas.start_as(&mut tx, &id, &shop.saga, &order).await;
    assert!(!again.unwrap());
    tx.commit().await.unwrap();
    // And one whose transaction is not committed was never there.
    let mut tx = shop.db.begin_write().await.unwrap();
    let other = shop.sagas.start(&mut tx, &shop.saga, &order).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(shop.sagas.get(&other).await.unwrap(), None);
    shop.settle().await;
}

async fn a_state_of_another_version_parks_the_saga(db: Db) {
    let mut shop = Shop::new(db).await;
    let id = shop.order().await;
    sqlx::query("UPDATE keep_sagas SET state = '{}' WHERE id = $1")
        .bind(&id)
        .execute(shop.db.pool())
        .await
        .unwrap();
    shop.drain().await;
    let saga = shop.sagas.get(&id).await.unwrap().unwrap();
    assert_eq!(saga.status, Status::Parked);
    assert!(saga.error.unwrap().contains("missing field"));
}

async fn a_lock_is_one_sagas(db: Db) {
    let shop = Shop::new(db).await;
    let mut tx = shop.db.begin_write().await.unwrap();
    let clock = &shop.clock;
    for _ in 0..2 {
        lock(&mut tx, clock, "order/7", "a").await.unwrap();
    }
    let LockError::Locked(held) = lock(&mut tx, clock, "order/7", "b").await.unwrap_err() else {
        panic!("not held");
    };
    let expected = Locked {
        resource: "order/7".to_owned(),
        by: "a".to_owned(),
    };
    assert_eq!(held, expected);
    // Who does not have it cannot give it back.
    unlock(&mut tx, "order/7", "b").await.unwrap();
    assert_eq!(
        holder(&mut tx, "order/7").await.unwrap().as_deref(),
        Some("a")
    );
    unlock(&mut tx, "order/7", "a").await.unwrap();
    lock(&mut tx, clock, "order/7", "b").await.unwrap();
}

async fn a_saga_waits_for_a_lock_and_loses_no_try(db: Db) {
    let mut shop = Shop::new(db).await;
    let id = shop.order().await;
    let mut tx = shop.db.begin_write().await.unwrap();
    lock(&mut tx, &shop.clock, &format!("order/{id}"), "cancel")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    shop.worker.pass().await.unwrap();
    assert_eq!(shop.logged(&id, "not_sent", "lock-order").await, 1);
    let mut tx = shop.db.begin_write().await.unwrap();
    unlock(&mut tx, &format!("order/{id}"), "cancel")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    shop.settle().await;
    assert_eq!(shop.status(&id).await, Status::Completed);
}

async fn a_plan_that_cannot_work_is_refused(db: Db) {
    let shop = Shop::new(db).await;
    let field = |plan| {
        let saga = super::toy::PlaceOrder {
            plan,
            ..shop.saga.clone()
        };
        Worker::new(&shop.sagas).register(saga).unwrap_err().field()
    };
    assert_eq!(field(|| Plan::new("other/v1").pivot(Step::Ship)), "name");
    assert_eq!(field(|| Plan::new("place-order").pivot(Step::Ship)), "name");
    let twice = || {
        Plan::new("place-order/v2")
            .pivot(Step::Ship)
            .retriable(Step::Ship)
    };
    assert_eq!(field(twice), "step");
    let no_time = || {
        let plan = Plan::new("place-order/v2").pivot(Step::Ship);
        plan.timeout(Duration::ZERO)
    };
    assert_eq!(field(no_time), "timeout");
    let again = shop.worker.clone().register(shop.saga.clone()).unwrap_err();
    assert_eq!(again.field(), "name");
}

super::on_both!(
    an_abandoned_saga_says_why_and_is_left_alone,
    a_saga_that_waits_goes_on_at_once_when_told,
    sagas_are_listed_by_status_and_shown_where_they_are,
    sagas_that_ended_long_ago_are_forgotten,
    a_saga_of_a_known_id_is_not_started_twice,
    a_state_of_another_version_parks_the_saga,
    a_lock_is_one_sagas,
    a_saga_waits_for_a_lock_and_loses_no_try,
    a_plan_that_cannot_work_is_refused,
);

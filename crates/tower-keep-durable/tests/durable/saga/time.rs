//! What the clock decides: deadlines, waits, and what a saga may take.

use std::time::Duration;

use tower_keep_durable::{
    Db,
    saga::{
        Fault::{LoseReply, LoseRequest, NotSent},
        Passed, Script, Status, StepName, Verb, Worker,
    },
};

use super::{harness::Shop, toy::Step};

const DEADLINE: Duration = Duration::from_secs(15 * 60);

async fn a_saga_that_nobody_worked_on_is_undone_at_its_deadline(db: Db) {
    let mut shop = Shop::new(db).await;
    let id = shop.order().await;
    shop.clock.advance(DEADLINE);
    shop.drain().await;
    assert_eq!(shop.status(&id).await, Status::Compensated);
    let log = shop.sagas.log(&id).await.unwrap();
    let events: Vec<_> = log.iter().map(|line| line.event.as_str()).collect();
    assert_eq!(events, ["started", "expired"]);
}

async fn the_deadline_is_a_moment_at_which_something_happens(db: Db) {
    let mut shop = Shop::new(db).await;
    for step in [Step::ReserveStock, Step::ConfirmOrder] {
        shop.faults
            .inject(step.name(), Verb::Run, Script::always(NotSent));
        let begin = shop.clock.now();
        let id = shop.order().await;
        shop.drain().await;
        shop.faults.clear();
        assert_eq!(shop.status(&id).await, Status::Compensated);
        let took = Duration::from_micros(u64::try_from(shop.clock.now() - begin).unwrap());
        assert!(
            took >= DEADLINE && took < DEADLINE + Duration::from_secs(2),
            "{took:?}"
        );
        // It was not asked all the time.
        let tries = shop.logged(&id, "not_sent", step.name()).await;
        assert!((3..800).contains(&tries), "{tries} tries");
    }
    shop.settle().await;
}

async fn after_the_pivot_there_is_no_deadline(db: Db) {
    let mut shop = Shop::new(db).await;
    let step = Step::Ship.name();
    shop.faults
        .inject(step, Verb::Run, Script::first([Some(LoseReply); 20]));
    let begin = shop.clock.now();
    let id = shop.order().await;
    shop.settle().await;
    assert_eq!(shop.status(&id).await, Status::Completed);
    let took = Duration::from_micros(u64::try_from(shop.clock.now() - begin).unwrap());
    assert!(took > DEADLINE, "{took:?}");
}

async fn waits_grow_and_a_saga_that_waits_is_left_alone(db: Db) {
    let mut shop = Shop::new(db).await;
    let step = Step::CapturePayment.name();
    shop.faults
        .inject(step, Verb::Run, Script::always(LoseRequest));
    let id = shop.order().await;
    let mut waits = Vec::new();
    for tries in 1..=12 {
        assert!(matches!(
            shop.worker.pass().await.unwrap(),
            Passed::Moved { .. }
        ));
        assert_eq!(shop.logged(&id, "unknown", step).await, tries);
        assert_eq!(shop.worker.pass().await.unwrap(), Passed::Idle);
        let saga = shop.sagas.get(&id).await.unwrap().unwrap();
        let wait = u64::try_from(saga.next_at - shop.clock.now()).unwrap();
        waits.push(Duration::from_micros(wait));
        shop.clock.advance(Duration::from_micros(wait - 1));
        assert_eq!(shop.worker.pass().await.unwrap(), Passed::Idle);
        shop.clock.advance(Duration::from_micros(1));
    }
    for (index, wait) in waits.iter().enumerate() {
        let whole = Duration::from_secs(1 << index).min(Duration::from_secs(300));
        assert!(*wait >= whole / 2 && *wait <= whole, "{index}: {wait:?}");
    }
}

async fn a_saga_that_does_not_get_on_is_counted(db: Db) {
    let mut shop = Shop::new(db).await;
    shop.order().await;
    let now = shop.worker.measure().await.unwrap();
    assert_eq!((now.running, now.parked, now.not_progressing), (1, 0, 0));
    shop.clock.advance(Duration::from_secs(20 * 60));
    let later = shop.worker.measure().await.unwrap();
    assert_eq!(
        (later.running, later.not_progressing, later.unknown_plan),
        (1, 1, 0)
    );
    assert_eq!(later.oldest, Duration::from_secs(20 * 60));
}

async fn a_plan_that_is_not_known_is_left_alone_and_counted(db: Db) {
    let mut shop = Shop::new(db).await;
    let id = shop.order().await;
    let stranger = Worker::new(&shop.sagas);
    assert_eq!(stranger.pass().await.unwrap(), Passed::Idle);
    assert_eq!(stranger.measure().await.unwrap().unknown_plan, 1);
    // The same name with other steps is another plan, too.
    let mut changed = shop.saga.clone();
    changed.plan = || tower_keep_durable::saga::Plan::new("place-order/v1").pivot(Step::Announce);
    let changed = Worker::new(&shop.sagas).register(changed).unwrap();
    assert_eq!(changed.pass().await.unwrap(), Passed::Idle);
    assert_eq!(changed.measure().await.unwrap().unknown_plan, 1);
    assert_eq!(shop.status(&id).await, Status::Running);
    shop.settle().await;
    assert_eq!(shop.worker.measure().await.unwrap(), Default::default());
}

super::on_both!(
    a_saga_that_nobody_worked_on_is_undone_at_its_deadline,
    the_deadline_is_a_moment_at_which_something_happens,
    after_the_pivot_there_is_no_deadline,
    waits_grow_and_a_saga_that_waits_is_left_alone,
    a_saga_that_does_not_get_on_is_counted,
    a_plan_that_is_not_known_is_left_alone_and_counted,
);

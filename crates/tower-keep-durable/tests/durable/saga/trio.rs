//! Omicron's three questions: is every step idempotent, can every step fail, is every undo idempotent?

use tower_keep_durable::{
    Db,
    saga::{Fault, Script, Status, StepName, Verb},
};

use super::{harness::Shop, toy::Step};

async fn every_step_is_made_twice(db: Db) {
    let mut shop = Shop::new(db).await;
    for step in Step::ALL {
        let twice = Script::always(Fault::Duplicate(1));
        shop.faults.inject(step.name(), Verb::Run, twice);
    }
    let id = shop.order().await;
    shop.settle().await;
    assert_eq!(shop.status(&id).await, Status::Completed);
    assert_eq!(shop.faults.happened().len(), Step::ALL.len());
}

async fn every_step_fails_once_and_every_undo_is_made_twice(db: Db) {
    let mut shop = Shop::new(db).await;
    for (index, failing) in Step::ALL.into_iter().take(4).enumerate() {
        shop.faults
            .inject(failing.name(), Verb::Run, Script::always(Fault::Reject));
        for step in Step::ALL.into_iter().take(index) {
            let twice = Script::always(Fault::Duplicate(1));
            shop.faults.inject(step.name(), Verb::Undo, twice);
        }
        let id = shop.order().await;
        shop.drain().await;
        shop.faults.clear();
        if index == 0 {
            // Nothing was done, so nothing is undone, not even the order.
            assert_eq!(shop.status(&id).await, Status::Compensated);
            continue;
        }
        let undone: Vec<_> = shop.sagas.log(&id).await.unwrap();
        let undone: Vec<_> = undone
            .into_iter()
            .filter(|line| line.event == "undone")
            .map(|line| line.step)
            .collect();
        let steps = Step::ALL.into_iter().take(index).rev();
        assert_eq!(undone, steps.map(StepName::name).collect::<Vec<_>>());
    }
    let twice = shop.faults.happened();
    assert_eq!(
        twice.iter().filter(|it| it.verb == Verb::Undo).count(),
        1 + 2 + 3
    );
    shop.settle().await;
}

async fn what_a_failed_try_wrote_is_dropped(db: Db) {
    let mut shop = Shop::new(db).await;
    for step in Step::ALL {
        let lost = Script::first([Some(Fault::LoseReply), Some(Fault::LoseReply)]);
        shop.faults.inject(step.name(), Verb::Run, lost);
    }
    let id = shop.order().await;
    shop.settle().await;
    assert_eq!(shop.faults.happened().len(), 2 * Step::ALL.len());
    let state = shop.sagas.get(&id).await.unwrap().unwrap().state;
    let order: super::toy::Order = serde_json::from_str(&state).unwrap();
    assert_eq!(order.done, Step::ALL.map(StepName::name));
}

super::on_both!(
    every_step_is_made_twice,
    every_step_fails_once_and_every_undo_is_made_twice,
    what_a_failed_try_wrote_is_dropped,
);

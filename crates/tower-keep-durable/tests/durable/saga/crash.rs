//! Workers die, at each point and at each await, and others take over.

use tower_keep_durable::{
    Db,
    saga::{
        Fault::{NotSent, Reject},
        Point, Script, Status, StepName, Verb,
    },
};

use super::{
    harness::{Shop, cut_off},
    toy::Step,
};

const POINTS: [Point; 4] = [
    Point::Claimed,
    Point::Made,
    Point::BeforeCommit,
    Point::AfterCommit,
];

/// Whether a pass comes by a point of this step: a saga is claimed at its first step only.
fn comes_by(point: Point, step: usize) -> bool {
    point != Point::Claimed || step == 0
}

async fn a_death_at_any_point_of_any_step_changes_nothing(db: Db) {
    let mut shop = Shop::new(db).await;
    for (index, step) in Step::ALL.into_iter().enumerate() {
        for point in POINTS.into_iter().filter(|point| comes_by(*point, index)) {
            shop.faults.die_at(point, step.name(), Verb::Run);
            let id = shop.order().await;
            shop.pass_and_die().await;
            shop.drain().await;
            assert_eq!(
                shop.status(&id).await,
                Status::Completed,
                "{point:?} of {step:?}"
            );
        }
    }
    shop.settle().await;
}

async fn a_death_while_undoing_changes_nothing(db: Db) {
    let mut shop = Shop::new(db).await;
    let pivot = Step::ConfirmOrder.name();
    for step in Step::ALL.into_iter().take(3) {
        for point in [Point::Made, Point::BeforeCommit, Point::AfterCommit] {
            shop.faults.inject(pivot, Verb::Run, Script::always(Reject));
            shop.faults.die_at(point, step.name(), Verb::Undo);
            let id = shop.order().await;
            shop.pass_and_die().await;
            shop.drain().await;
            assert_eq!(
                shop.status(&id).await,
                Status::Compensated,
                "{point:?} of {step:?}"
            );
        }
    }
    shop.settle().await;
}

/// The step was executed, its worker died before it wrote so, and then nobody could ask any more.
async fn a_death_is_a_doubt(db: Db) {
    let mut shop = Shop::new(db).await;
    for step in Step::REMOTE {
        for point in [Point::Made, Point::BeforeCommit] {
            let then = Script::first([None]).then(NotSent);
            shop.faults.inject(step.name(), Verb::Run, then);
            shop.faults.die_at(point, step.name(), Verb::Run);
            let id = shop.order().await;
            shop.pass_and_die().await;
            assert_eq!(shop.kept(&id, step.name()).await.as_deref(), Some("done"));
            shop.drain().await;
            shop.faults.clear();
            assert!(shop.logged(&id, "not_sent", step.name()).await > 0);
            assert_eq!(shop.status(&id).await, Status::Compensated);
            assert_eq!(
                shop.kept(&id, step.name()).await.as_deref(),
                Some("cancelled")
            );
            shop.assert_books().await;
        }
    }
}

async fn a_pass_is_dropped_at_every_await(db: Db) {
    let mut shop = Shop::new(db).await;
    let pivot = Step::ConfirmOrder.name();
    for undoing in [false, true] {
        if undoing {
            shop.faults.inject(pivot, Verb::Run, Script::always(Reject));
        }
        let mut polls = 0;
        loop {
            let id = shop.order().await;
            let passed = cut_off(polls, shop.worker.pass()).await;
            shop.drain().await;
            let ends = [Status::Completed, Status::Compensated][usize::from(undoing)];
            assert_eq!(shop.status(&id).await, ends, "dropped after {polls} polls");
            if let Some(passed) = passed {
                passed.unwrap();
                break;
            }
            polls += 1;
            assert!(polls < 2000, "never ends");
        }
        assert!(polls > 20, "only {polls} awaits");
        shop.settle().await;
    }
}

super::on_both!(
    a_death_at_any_point_of_any_step_changes_nothing,
    a_death_while_undoing_changes_nothing,
    a_death_is_a_doubt,
    a_pass_is_dropped_at_every_await,
);

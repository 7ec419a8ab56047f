//! Undoing fails, and is tried until it does not.

use std::time::Duration;

use tower_keep_durable::{
    Db,
    saga::{
        Committed,
        Fault::{self, LoseReply, LoseRequest, NotSent, Reject},
        Plan, Script, Status, StepName, UndoOrder, Verb,
    },
};

use super::{
    harness::Shop,
    toy::{Step, plan},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An order whose payment is declined.
async fn declined(shop: &mut Shop) -> String {
    let no = Script::always(Reject);
    shop.faults
        .inject(Step::AuthorizePayment.name(), Verb::Run, no);
    shop.order().await
}

fn line(fault: Fault) -> &'static str {
    match fault {
        Reject => "undo_rejected",
        NotSent => "undo_not_sent",
        _ => "undo_unknown",
    }
}

async fn an_undo_is_tried_again(db: Db) {
    let mut shop = Shop::new(db).await;
    for step in [Step::LockOrder, Step::ReserveStock] {
        for fault in [Reject, LoseRequest, LoseReply, NotSent] {
            let three = Script::first([Some(fault); 3]);
            shop.faults.inject(step.name(), Verb::Undo, three);
            let id = declined(&mut shop).await;
            shop.settle().await;
            shop.faults.clear();
            assert_eq!(shop.logged(&id, line(fault), step.name()).await, 3);
            assert_eq!(shop.logged(&id, "undone", step.name()).await, 1);
        }
    }
}

async fn an_undo_that_fails_for_a_day_is_parked_and_goes_on_when_told(db: Db) {
    let mut shop = Shop::new(db).await;
    let step = Step::ReserveStock.name();
    shop.faults
        .inject(step, Verb::Undo, Script::always(LoseRequest));
    let id = declined(&mut shop).await;
    let begin = shop.clock.now();
    shop.drain().await;
    assert_eq!(shop.status(&id).await, Status::Parked);
    let took = Duration::from_micros(u64::try_from(shop.clock.now() - begin).unwrap());
    assert!(
        took >= DAY && took < DAY + Duration::from_secs(600),
        "{took:?}"
    );
    // From 1 s to 5 min apart, half of it left to chance.
    let tries = shop.logged(&id, "undo_unknown", step).await;
    assert!((288..600).contains(&tries), "{tries} tries");
    assert_eq!(shop.logged(&id, "undone", Step::LockOrder.name()).await, 0);

    shop.faults.clear();
    shop.sagas.retry(&id).await.unwrap();
    shop.settle().await;
    assert_eq!(shop.status(&id).await, Status::Compensated);
}

async fn an_undo_that_fails_holds_up_those_before_it_only_if_told_so(db: Db) {
    fn any() -> Plan<Step, Committed> {
        plan().undo_order(UndoOrder::Any)
    }
    let mut shop = Shop::with_plan(db, any).await;
    let stuck = Step::ReserveStock.name();
    shop.faults
        .inject(stuck, Verb::Undo, Script::first([Some(LoseRequest); 4]));
    let id = declined(&mut shop).await;
    shop.settle().await;
    assert_eq!(shop.status(&id).await, Status::Compensated);
    let log = shop.sagas.log(&id).await.unwrap();
    let at = |event: &str, step: &str| {
        let line = log
            .iter()
            .find(|line| line.event == event && line.step == step);
        line.unwrap().seq
    };
    assert!(at("undone", Step::LockOrder.name()) < at("undone", stuck));
    assert_eq!(shop.logged(&id, "undo_unknown", stuck).await, 4);
}

super::on_both!(
    an_undo_is_tried_again,
    an_undo_that_fails_for_a_day_is_parked_and_goes_on_when_told,
    an_undo_that_fails_holds_up_those_before_it_only_if_told_so,
);

//! Each step goes wrong in each way; the end is the right one, and the fault really happened.

use std::time::Duration;

use tower_keep_durable::{
    Db,
    saga::{
        Committed,
        Fault::{self, Duplicate, LoseReply, LoseRequest, NotSent, Reject},
        Plan, Script, Status, StepName, Verb,
    },
};

use super::{
    harness::Shop,
    toy::{Step, plan},
};

/// What an outcome is called in the log.
fn line(fault: Fault) -> &'static str {
    match fault {
        Reject => "rejected",
        LoseRequest | LoseReply => "unknown",
        NotSent => "not_sent",
        Duplicate(_) => "done",
    }
}

async fn place(shop: &mut Shop, step: Step, script: &Script, ends: Status, faults: &[Fault]) {
    let step = step.name();
    shop.faults.inject(step, Verb::Run, script.clone());
    let id = shop.order().await;
    shop.drain().await;
    shop.faults.clear();
    let told = format!("{script:?} at {step}");
    assert_eq!(shop.status(&id).await, ends, "{told}");
    let happened = shop.faults.happened();
    for fault in faults {
        let it = happened
            .iter()
            .any(|it| it.saga == id && it.step == step && it.fault == *fault);
        assert!(it, "{told}: {fault:?} never happened");
        assert!(shop.logged(&id, line(*fault), step).await > 0, "{told}");
    }
}

/// Always `then`, after `first`.
fn script(first: impl IntoIterator<Item = Fault>, then: Fault) -> Script {
    Script::first(first.into_iter().map(Some)).then(then)
}

async fn a_step_that_can_be_undone_is_undone(db: Db) {
    let mut shop = Shop::new(db).await;
    for step in Step::REMOTE {
        let ways: [&[Fault]; 8] = [
            &[Reject],
            &[LoseRequest],
            &[LoseReply],
            &[NotSent],
            &[LoseReply, NotSent],
            &[LoseRequest, NotSent],
            &[LoseReply, Reject],
            &[NotSent, LoseReply],
        ];
        for way in ways {
            let (last, first) = way.split_last().unwrap();
            let script = script(first.iter().copied(), *last);
            place(&mut shop, step, &script, Status::Compensated, way).await;
        }
    }
    shop.settle().await;
}

async fn a_step_that_recovers_is_done_once(db: Db) {
    let mut shop = Shop::new(db).await;
    for step in Step::ALL {
        for way in [
            &[LoseRequest][..],
            &[LoseReply],
            &[NotSent, NotSent, NotSent, NotSent, NotSent],
            &[LoseReply, NotSent, LoseRequest],
            &[Duplicate(2)],
        ] {
            let script = Script::first(way.iter().copied().map(Some));
            place(&mut shop, step, &script, Status::Completed, way).await;
        }
    }
    shop.settle().await;
}

/// Parked after minutes: a day has hundreds of tries.
fn impatient() -> Plan<Step, Committed> {
    plan().patience(Duration::from_secs(20 * 60))
}

async fn a_pivot_is_never_undone_on_a_doubt(db: Db) {
    let mut shop = Shop::with_plan(db, impatient).await;
    let pivot = Step::ConfirmOrder;
    // Certainly not done: given up at once, or at the deadline.
    for fault in [Reject, NotSent] {
        place(
            &mut shop,
            pivot,
            &Script::always(fault),
            Status::Compensated,
            &[fault],
        )
        .await;
    }
    // A doubt: parked after a day, and not undone.
    for way in [&[LoseReply][..], &[LoseRequest, NotSent]] {
        let (last, first) = way.split_last().unwrap();
        let script = script(first.iter().copied(), *last);
        place(&mut shop, pivot, &script, Status::Parked, way).await;
        let parked = shop.sagas.list(Some(Status::Parked), 10).await.unwrap();
        shop.sagas.retry(&parked[0].id).await.unwrap();
        shop.settle().await;
        assert_eq!(shop.status(&parked[0].id).await, Status::Completed);
    }
}

async fn what_comes_after_the_pivot_is_done_or_parked(db: Db) {
    let mut shop = Shop::with_plan(db, impatient).await;
    for step in Step::LATER {
        for fault in [Reject, LoseRequest, LoseReply, NotSent] {
            let always = Script::always(fault);
            place(&mut shop, step, &always, Status::Parked, &[fault]).await;
            let parked = shop.sagas.list(Some(Status::Parked), 10).await.unwrap();
            assert_eq!(parked.len(), 1);
            assert_eq!(parked[0].step, step.name());
            shop.sagas.retry(&parked[0].id).await.unwrap();
            shop.settle().await;
            assert_eq!(shop.status(&parked[0].id).await, Status::Completed);
        }
    }
}

async fn a_no_of_the_participant_is_final(db: Db) {
    let mut shop = Shop::new(db).await;
    for (book, has, step) in [
        ("stock", 1000, "reserve-stock"),
        ("money", 100_000, "authorize-payment"),
    ] {
        shop.saga.participants.put(book, 1).await;
        let id = shop.order().await;
        shop.drain().await;
        assert_eq!(shop.logged(&id, "rejected", step).await, 1);
        assert_eq!(shop.status(&id).await, Status::Compensated);
        // There is enough again, and then the request comes a second time.
        shop.saga.participants.put(book, has).await;
        shop.assert_books().await;
        shop.assert_duplicates_change_nothing().await;
    }
}

super::on_both!(
    a_step_that_can_be_undone_is_undone,
    a_step_that_recovers_is_done_once,
    a_pivot_is_never_undone_on_a_doubt,
    what_comes_after_the_pivot_is_done_or_parked,
    a_no_of_the_participant_is_final,
);

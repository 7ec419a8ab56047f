//! Whatever is wanted, lost, repeated and told late, in whatever order: the ledger sums to zero, and
//! in the end says what the network did.

use std::collections::HashMap;

use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::json;
use tower_keep_durable::Event;

use super::*;
use crate::domain::{Status, Verb, ledger};

/// How many sequences are played on each database.
const CASES: u32 = 24;
/// Payments of one sequence: few, so that much happens to each.
const PAYMENTS: usize = 3;

#[tokio::test]
async fn the_ledger_agrees_with_the_network_on_sqlite() {
    let test = TestDb::sqlite(SCHEMA).await;
    play(&store(test.db.clone())).await;
}

#[tokio::test]
async fn the_ledger_agrees_with_the_network_on_postgres() {
    on_postgres(SCHEMA, |db| async move { play(&store(db)).await }).await;
}

/// What happens to one of the payments.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Its request comes, or comes again.
    Request,
    /// Something is wanted of it, too early or too late as well.
    Want(Verb),
    /// The network is called for what is under way, and its answer arrives.
    Call,
    /// The network is called, and its answer is lost, or the process dies.
    LoseAnswer,
    /// A webhook arrives, of so long ago; some for the second time.
    Webhook(usize),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        2 => Just(Step::Request),
        1 => Just(Step::Want(Verb::Capture)),
        1 => Just(Step::Want(Verb::Void)),
        1 => Just(Step::Want(Verb::Refund)),
        3 => Just(Step::Call),
        1 => Just(Step::LoseAnswer),
        2 => (0_usize..6).prop_map(Step::Webhook),
    ];
    vec((0..PAYMENTS, step), 1..40)
}

/// The reference: what a card network does, in a few lines.
#[derive(Default)]
struct Cards {
    /// The state of each authorization, and what it is worth.
    states: HashMap<PaymentId, (Network, i64)>,
    /// What was told, of each.
    told: HashMap<PaymentId, Vec<(Event, Report)>>,
}

impl Cards {
    fn perform(&mut self, verb: Verb, request: &Authorize) -> Report {
        let found = self.states.get(&request.id).map(|(state, _)| *state);
        let next = match (verb, found) {
            (Verb::Authorize, None) if request.amount.minor % 4 == 0 => Network::Declined,
            (Verb::Authorize, None) => Network::Authorized,
            (Verb::Void, None | Some(Network::Authorized)) => Network::Voided,
            (Verb::Capture, Some(Network::Authorized)) => Network::Captured,
            (Verb::Refund, Some(Network::Captured)) => Network::Refunded,
            (_, found) => found.expect("nobody captures what the network never heard of"),
        };
        let report = says(request.id, next);
        if found != Some(next) {
            self.states.insert(request.id, (next, request.amount.minor));
            let event = Event::new("/cards", "cards.authorization.changed.v1", json!({}));
            let told = self.told.entry(request.id).or_default();
            told.push((event, report.clone()));
        }
        report
    }

    /// What is in this state, in money.
    fn worth(&self, of: Network) -> i64 {
        let states = self.states.values();
        states
            .filter(|(state, _)| *state == of)
            .map(|(_, worth)| worth)
            .sum()
    }
}

async fn play(store: &Store) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let mut cards = Cards::default();
    for _ in 0..CASES {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let payments: Vec<_> = (0..PAYMENTS)
            .map(|at| request(100 + i64::try_from(at).unwrap()))
            .collect();
        for (at, step) in &steps {
            take(store, &mut cards, &payments[*at], *step).await;
            adds_up(store, &steps).await;
        }
        for request in &payments {
            settle(store, &mut cards, request).await;
        }
        agrees(store, &cards, &steps).await;
    }
}

async fn take(store: &Store, cards: &mut Cards, request: &Authorize, step: Step) {
    let before = store.load(request.id).await.unwrap();
    let under_way = before.as_ref().and_then(|found| found.status.under_way());
    match step {
        Step::Request => drop(store.accept(&keyed(request), request).await.unwrap()),
        Step::Want(verb) => drop(store.want(verb, request.id).await.unwrap()),
        Step::Call => {
            if let Some(verb) = under_way {
                let report = cards.perform(verb, request);
                store.learn(&report).await.unwrap();
            }
        }
        Step::LoseAnswer => {
            if let Some(verb) = under_way {
                cards.perform(verb, request);
            }
        }
        Step::Webhook(back) => {
            let told = cards.told.get(&request.id);
            if let Some((event, report)) = told.and_then(|told| told.iter().rev().nth(back)) {
                store.take_webhook(event, report).await.unwrap();
            }
        }
    }
    let ended = [Status::Declined, Status::Voided, Status::Refunded];
    if let Some(before) = before.filter(|found| ended.contains(&found.status)) {
        let after = store.load(request.id).await.unwrap();
        assert_eq!(Some(before), after, "an end is an end: {step:?}");
    }
}

/// What the reconciler does in the end.
async fn settle(store: &Store, cards: &mut Cards, request: &Authorize) {
    while let Some(found) = store.load(request.id).await.unwrap()
        && let Some(verb) = found.status.under_way()
    {
        let report = cards.perform(verb, request);
        let learned = store.learn(&report).await.unwrap().unwrap();
        assert_ne!(learned.status, found.status, "{report:?} settles nothing");
    }
}

async fn adds_up(store: &Store, steps: &[(usize, Step)]) {
    let (wrong,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM (SELECT position FROM entries GROUP BY position, currency
            HAVING SUM(amount) <> 0) AS unbalanced",
    )
    .fetch_one(store.db.pool())
    .await
    .unwrap();
    assert_eq!(wrong, 0, "{steps:?}");
}

async fn agrees(store: &Store, cards: &Cards, steps: &[(usize, Step)]) {
    let (captured, refunded) = (
        cards.worth(Network::Captured),
        cards.worth(Network::Refunded),
    );
    let held = cards.worth(Network::Authorized);
    for (account, expected) in [
        (&*ledger::authorized("cus_a"), held),
        (ledger::PENDING, -held),
        (ledger::RECEIVABLE, captured),
        (ledger::REVENUE, -captured - refunded),
        (ledger::REFUNDS, refunded),
    ] {
        assert_eq!(
            balance(store, account).await,
            expected,
            "{account} after {steps:?}"
        );
    }
}

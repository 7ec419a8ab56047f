//! A service with toy participants, and the laws of its books.

use std::{collections::BTreeSet, future::Future, pin::pin, sync::Arc, task::Poll, time::Duration};

use tokio::select;
use tower_keep_durable::{
    Clock, Db,
    saga::{Committed, Fault, Faults, Passed, Plan, Sagas, Status, Verb, Worker},
    testing::TestDb,
};

pub(crate) use super::toy::SCHEMAS;
use super::toy::{self, Gate, Order, Participants, PlaceOrder, Step, request};

/// The books of the participants.
const BOOKS: [&str; 6] = [
    "stock",
    "held stock",
    "shipped",
    "money",
    "held money",
    "earned",
];

pub(crate) struct Shop {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) saga: PlaceOrder,
    pub(crate) sagas: Sagas,
    pub(crate) faults: Faults,
    pub(crate) worker: Worker,
    orders: usize,
    _books: Option<TestDb>,
}

impl Shop {
    pub(crate) async fn new(db: Db) -> Self {
        Self::with_plan(db, toy::plan).await
    }

    pub(crate) async fn with_plan(db: Db, plan: fn() -> Plan<Step, Committed>) -> Self {
        let books = TestDb::sqlite(&[toy::BOOKS]).await;
        let shop = Self::over(db, books.db.clone(), Clock::manual(), plan);
        shop.stock().await;
        Self {
            _books: Some(books),
            ..shop
        }
    }

    /// A shop over these databases, as they are.
    pub(crate) fn over(
        db: Db,
        books: Db,
        clock: Clock,
        plan: fn() -> Plan<Step, Committed>,
    ) -> Self {
        let db = db.with_clock(clock.clone());
        let saga = PlaceOrder {
            participants: Participants { db: books },
            gate: None,
            plan,
        };
        let sagas = Sagas::new(&db);
        let faults = Faults::new();
        let worker = Worker::new(&sagas).register(saga.clone()).unwrap();
        Self {
            worker: worker.faults(&faults),
            db,
            clock,
            saga,
            sagas,
            faults,
            orders: 0,
            _books: None,
        }
    }

    /// Fills the books.
    pub(crate) async fn stock(&self) {
        for (book, amount) in BOOKS.into_iter().zip([1000, 0, 0, 100_000, 0, 0]) {
            self.saga.participants.put(book, amount).await;
        }
    }

    /// Another worker of the same sagas, whose first try of `step` waits at the gate.
    pub(crate) fn gated(&self, step: Step) -> (Worker, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        let saga = PlaceOrder {
            gate: Some((step, Arc::clone(&gate))),
            ..self.saga.clone()
        };
        (Worker::new(&self.sagas).register(saga).unwrap(), gate)
    }

    /// A new order and its saga, in one transaction.
    pub(crate) async fn order(&mut self) -> String {
        self.orders += 1;
        let id = format!("o{}", self.orders);
        let mut tx = self.db.begin_write().await.unwrap();
        sqlx::query("INSERT INTO orders (id, status) VALUES ($1, 'pending')")
            .bind(&id)
            .execute(&mut *tx)
            .await
            .unwrap();
        let order = Order {
            id: id.clone(),
            done: Vec::new(),
        };
        let started = self.sagas.start_as(&mut tx, &id, &self.saga, &order);
        assert!(started.await.unwrap());
        tx.commit().await.unwrap();
        id
    }

    /// Passes until every saga has ended or is parked, moving the clock to what is next.
    pub(crate) async fn drain(&self) {
        for _ in 0..3000 {
            if self.worker.pass().await.unwrap() != Passed::Idle {
                continue;
            }
            let open = self.sagas.list(None, 1000).await.unwrap();
            let due = open
                .iter()
                .filter(|saga| saga.status != Status::Parked)
                .map(|saga| saga.next_at.max(saga.lease_until))
                .min();
            let Some(due) = due else { return };
            let wait = u64::try_from(due - self.clock.now()).unwrap_or_default();
            self.clock.advance(Duration::from_micros(wait + 1));
        }
        panic!(
            "does not come to rest: {:?}",
            self.sagas.list(None, 10).await
        );
    }

    pub(crate) async fn status(&self, id: &str) -> Status {
        self.sagas.get(id).await.unwrap().unwrap().status
    }

    /// How many lines of the saga's log say this of the step.
    pub(crate) async fn logged(&self, id: &str, event: &str, step: &str) -> usize {
        let log = self.sagas.log(id).await.unwrap();
        let lines = log
            .iter()
            .filter(|line| line.event == event && line.step == step);
        lines.count()
    }

    async fn count(&self, sql: &'static str, id: &str) -> i64 {
        let (count,) = sqlx::query_as(sql)
            .bind(id)
            .fetch_one(self.db.pool())
            .await
            .unwrap();
        count
    }

    /// The answer that a participant keeps for a step.
    pub(crate) async fn kept(&self, id: &str, step: &str) -> Option<String> {
        let found: Option<(String,)> = sqlx::query_as("SELECT answer FROM keys WHERE k = $1")
            .bind(format!("{id}:{step}"))
            .fetch_optional(self.saga.participants.db.pool())
            .await
            .unwrap();
        found.map(|(answer,)| answer)
    }

    /// The laws, once all is at rest: the books add up, and each saga is wholly done or wholly not.
    pub(crate) async fn assert_books(&self) {
        let mut completed = 0;
        for number in 1..=self.orders {
            let id = format!("o{number}");
            let status = self.status(&id).await;
            let order = self
                .count(
                    "SELECT COUNT(*) FROM orders WHERE id = $1 AND status = 'confirmed'",
                    &id,
                )
                .await;
            let told = self
                .count(
                    "SELECT COUNT(*) FROM keep_outbox WHERE body LIKE '%\"' || $1 || '\"%'",
                    &id,
                )
                .await;
            let locked = self
                .count(
                    "SELECT COUNT(*) FROM keep_saga_locks WHERE saga_id = $1",
                    &id,
                )
                .await;
            let whole = match status {
                Status::Completed => 1,
                Status::Compensated => 0,
                other => panic!("{id} is {other}"),
            };
            completed += whole;
            assert_eq!(
                (order, told, locked),
                (whole, whole, 0),
                "{id}: {:?}",
                self.sagas.log(&id).await
            );
            let log = self.sagas.log(&id).await.unwrap();
            let mut seen = BTreeSet::new();
            for line in log
                .iter()
                .filter(|line| ["done", "undone"].contains(&&*line.event))
            {
                assert!(
                    seen.insert((&line.event, &line.step)),
                    "{id}: {line:?} is there twice"
                );
            }
        }
        let mut amounts = [0; 6];
        for (amount, book) in amounts.iter_mut().zip(BOOKS) {
            *amount = self.saga.participants.amount(book).await;
        }
        let right = [
            1000 - 2 * completed,
            0,
            2 * completed,
            100_000 - 50 * completed,
            0,
            50 * completed,
        ];
        assert_eq!(amounts, right, "of {BOOKS:?} after {completed} orders");
    }

    /// Sends every request again that was ever sent, late, now that nothing is short any more: the
    /// books must not move.
    pub(crate) async fn assert_duplicates_change_nothing(&self) {
        let participants = &self.saga.participants;
        let mut sent: Vec<(String,)> = sqlx::query_as("SELECT DISTINCT k FROM calls")
            .fetch_all(participants.db.pool())
            .await
            .unwrap();
        let lost = self.faults.happened().into_iter();
        let lost = lost.filter(|it| it.fault == Fault::LoseRequest && it.verb == Verb::Run);
        sent.extend(lost.map(|it| (format!("{}:{}", it.saga, it.step),)));
        for (key,) in sent {
            let step = key.split(':').nth(1).unwrap();
            if let Some(request) = request(step) {
                let _ = participants.execute(&key, request).await;
            }
        }
        self.assert_books().await;
    }

    /// Drains, and all laws hold, and hold after the late duplicates.
    pub(crate) async fn settle(&self) {
        self.drain().await;
        self.assert_books().await;
        self.assert_duplicates_change_nothing().await;
    }

    /// A pass whose worker dies where the faults say.
    pub(crate) async fn pass_and_die(&self) {
        select! {
            biased;
            () = self.faults.died() => {}
            passed = self.worker.pass() => panic!("did not come by its death: {passed:?}"),
        }
    }
}

/// Polls a future until it was pending this often, and drops it. None if it was not finished.
pub(crate) async fn cut_off<F: Future>(after: usize, future: F) -> Option<F::Output> {
    let mut left = after;
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

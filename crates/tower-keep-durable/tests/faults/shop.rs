//! A service on one database and one bus, with all that this crate has running beside each other.

use std::{future::pending, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tower_keep::backoff::{Backoff, Jitter};
use tower_keep_durable::{
    Bus, Consumer, Db, DeadLetters, Event, Inbox, Outbox, Tx,
    bus::Types,
    consumer::{self, ConsumerConfig},
    db::Schema,
    inbox::{Handler, HandlerError},
    outbox::{self, RelayConfig},
    saga::{self, Committed, Cx, Figures, Plan, Saga, SagaError, Sagas, StepError, Worker},
};

/// How long what a process works on stays its own while it says nothing.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// How long all may take to be as it should. The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(150);

const TABLES: Schema = Schema::new(
    "faults",
    &[&[
        "CREATE TABLE orders (id TEXT PRIMARY KEY, status TEXT NOT NULL, note TEXT NOT NULL)",
        "CREATE TABLE handled (position {serial}, id TEXT NOT NULL)",
    ]],
);

pub(crate) const SCHEMAS: [Schema; 6] = [
    TABLES,
    outbox::SCHEMA,
    saga::SCHEMA,
    consumer::SCHEMA,
    tower_keep_durable::inbox::SCHEMA,
    tower_keep_durable::dead_letters::SCHEMA,
];

tower_keep_durable::saga_steps! {
    pub(crate) enum Step {
        Reserve = "reserve",
        Confirm = "confirm",
        Announce = "announce",
    }
}

/// Confirms an order in steps of one transaction each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaceOrder {
    pub(crate) version: &'static str,
}

async fn turn(cx: &Cx, order: &str, [from, to]: [&str; 2]) -> Result<(), StepError> {
    let mut tx = cx.local().await?;
    let changed = sqlx::query("UPDATE orders SET status = $3 WHERE id = $1 AND status = $2")
        .bind(order)
        .bind(from)
        .bind(to)
        .execute(&mut **tx)
        .await?;
    match changed.rows_affected() {
        1 => Ok(()),
        _ => Err(StepError::rejected(format!("{order} is not {from}"))),
    }
}

impl Saga for PlaceOrder {
    const NAME: &'static str = "place-order";
    type Step = Step;
    type State = String;

    fn plan(&self) -> Plan<Step, Committed> {
        Plan::new(self.version)
            .compensatable(Step::Reserve)
            .pivot(Step::Confirm)
            .retriable(Step::Announce)
    }

    async fn run(&self, step: Step, cx: &Cx, order: &mut String) -> Result<(), StepError> {
        match step {
            Step::Reserve => turn(cx, order, ["pending", "reserved"]).await,
            Step::Confirm => turn(cx, order, ["reserved", "confirmed"]).await,
            Step::Announce => {
                let told = Event::new("/faults", "faults.order.confirmed.v1", &*order);
                cx.publish(told.keyed(order.as_str()).with_id(order.as_str()));
                Ok(())
            }
        }
    }

    async fn undo(&self, step: Step, cx: &Cx, order: &mut String) -> Result<(), StepError> {
        match step {
            Step::Reserve => turn(cx, order, ["reserved", "pending"]).await,
            _ => Ok(()),
        }
    }
}

/// Notes each order, with no guard against doubles of its own.
struct Note;

impl Handler for Note {
    const NAME: &'static str = "notes";

    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let order: String = event.read()?;
        sqlx::query("INSERT INTO handled (id) VALUES ($1)")
            .bind(order)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

/// A service; dropped, all that runs is cut off.
pub(crate) struct Shop {
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) sagas: Sagas,
    pub(crate) outbox: Outbox,
    pub(crate) running: JoinSet<()>,
    orders: Vec<String>,
}

impl Shop {
    /// With nothing running.
    pub(crate) async fn idle(db: Db, bus: Bus) -> Self {
        // The group is there before the first event.
        drop(bus.subscribe(Note::NAME, &Types::all()).await.unwrap());
        Self {
            sagas: Sagas::new(&db),
            outbox: Outbox::new(db.clone()),
            db,
            bus,
            running: JoinSet::new(),
            orders: Vec::new(),
        }
    }

    /// With everything running but sagas, which [`work`](Self::work) starts.
    pub(crate) async fn start(db: Db, bus: Bus) -> Self {
        let mut shop = Self::idle(db.clone(), bus.clone()).await;
        let config = RelayConfig {
            lease: LEASE,
            confirm: Duration::from_secs(3),
            ..RelayConfig::default()
        };
        let relay = shop.outbox.relay(bus.clone(), config);
        shop.running
            .spawn(async move { relay.run(pending()).await });
        let config = ConsumerConfig {
            // What is broken comes back before they are used up.
            max_attempts: 1000,
            backoff: Backoff {
                base: Duration::from_millis(50),
                max: Duration::from_millis(500),
                jitter: Jitter::Equal,
                ..Backoff::default()
            },
            not_sent: Duration::from_millis(200),
            ack_wait: LEASE,
            lease: LEASE,
            poll: Duration::from_millis(100),
            ..ConsumerConfig::default()
        };
        let inbox = Inbox::new(db.clone(), Note);
        let consumer = Consumer::new(db, bus, Note::NAME, Types::all(), inbox).with_config(config);
        shop.running.spawn(consumer.run(pending()));
        shop
    }

    /// A worker of this version of the plan, running.
    pub(crate) fn work(&mut self, version: &'static str) -> Worker {
        let worker = Worker::new(&self.sagas)
            .register(PlaceOrder { version })
            .unwrap()
            .lease(LEASE)
            .poll(Duration::from_millis(50));
        let runs = worker.clone();
        self.running.spawn(async move { runs.run(pending()).await });
        worker
    }

    /// An order with its saga, in one transaction. Tried again, it is the same order.
    pub(crate) async fn try_order(
        &self,
        id: &str,
        version: &'static str,
        note: &str,
    ) -> Result<(), SagaError> {
        let mut tx = self.db.begin_write().await?;
        sqlx::query(
            "INSERT INTO orders (id, status, note) VALUES ($1, 'pending', $2)
             ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(note)
        .execute(&mut *tx)
        .await?;
        let saga = PlaceOrder { version };
        let state = id.to_owned();
        self.sagas.start_as(&mut tx, id, &saga, &state).await?;
        tx.commit().await?;
        self.sagas.wake();
        Ok(())
    }

    /// Orders as a client does that does not give up; how often it was told no.
    pub(crate) async fn order(&mut self, version: &'static str) -> usize {
        let id = format!("order-{}", self.orders.len());
        let began = Instant::now();
        let mut failures = 0;
        while let Err(error) = self.try_order(&id, version, "").await {
            assert!(began.elapsed() < PATIENCE, "{id}: {error}");
            failures += 1;
            sleep(Duration::from_millis(50)).await;
        }
        self.orders.push(id);
        failures
    }

    /// It was ordered.
    pub(crate) fn adopt(&mut self, id: String) {
        self.orders.push(id);
    }

    pub(crate) fn letters(&self) -> DeadLetters {
        DeadLetters::new(self.db.clone())
    }

    async fn found(&self, sql: &'static str) -> Result<Vec<String>, sqlx::Error> {
        let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(self.db.pool()).await?;
        Ok(rows.into_iter().map(|(text,)| text).collect())
    }

    /// The orders that were handled, each as often as that.
    pub(crate) async fn handled(&self) -> Result<Vec<String>, sqlx::Error> {
        self.found("SELECT id FROM handled ORDER BY id").await
    }

    /// Waits until so many are handled.
    pub(crate) async fn until_handled(&self, count: usize) {
        let began = Instant::now();
        loop {
            let handled = self.handled().await;
            match &handled {
                Ok(handled) if handled.len() >= count => return,
                _ => assert!(began.elapsed() < PATIENCE, "{count}: {handled:?}"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// All orders come to their end by themselves, each handled once; then nothing is left to be done.
    pub(crate) async fn settle(&self) {
        let mut orders = self.orders.clone();
        orders.sort();
        self.until_handled(orders.len()).await;
        assert_eq!(self.handled().await.unwrap(), orders, "lost, or done twice");
        let confirmed = self
            .found("SELECT id FROM orders WHERE status = 'confirmed' ORDER BY id")
            .await
            .unwrap();
        assert_eq!(confirmed, orders);
        let began = Instant::now();
        loop {
            let open = Worker::new(&self.sagas).measure().await.unwrap();
            let backlog = self.outbox.backlog().await.unwrap();
            if open == Figures::default() && backlog == outbox::Backlog::default() {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{open:?} {backlog:?}");
            sleep(Duration::from_millis(20)).await;
        }
        let twice = self
            .found(
                "SELECT saga_id FROM keep_saga_log WHERE event IN ('done', 'undone')
                 GROUP BY saga_id, step, event HAVING COUNT(*) > 1",
            )
            .await
            .unwrap();
        assert!(twice.is_empty(), "steps that were made twice: {twice:?}");
        assert_eq!(self.letters().depth(None).await.unwrap().dead, 0);
        self.bus.ping().await.unwrap();
    }
}

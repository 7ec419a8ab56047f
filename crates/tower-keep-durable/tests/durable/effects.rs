//! A handler whose effects can be read, and deliveries whose ends can be read.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::sync::Notify;
use tower_keep_durable::{
    Db, Event, Tx,
    bus::{Acknowledge, Boxed, BusError, Delivery},
    consumer,
    db::Schema,
    dead_letters,
    inbox::{self, Handler, HandlerError},
    outbox,
};

/// What the handler below writes: a row for each event, in order, with no guard against doubles.
const EFFECTS: Schema = Schema::new(
    "effects",
    &[&["CREATE TABLE effects (position {serial}, id TEXT NOT NULL)"]],
);

pub(crate) const SCHEMAS: [Schema; 5] = [
    outbox::SCHEMA,
    consumer::SCHEMA,
    inbox::SCHEMA,
    dead_letters::SCHEMA,
    EFFECTS,
];

/// The ids of all effects, in order.
pub(crate) async fn effects(db: &Db) -> Vec<String> {
    let rows: Vec<(String,)> = sqlx::query_as("SELECT id FROM effects ORDER BY position")
        .fetch_all(db.pool())
        .await
        .unwrap();
    rows.into_iter().map(|(id,)| id).collect()
}

/// What goes wrong with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Poison,
    Transient,
    Panic,
    /// Never ends.
    Hang,
}

/// Has an effect for each event, but for those that are in trouble.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effect {
    /// What goes wrong with an event of this id, and how many times still.
    trouble: Arc<Mutex<HashMap<String, (Trouble, usize)>>>,
    pub(crate) calls: Arc<AtomicUsize>,
}

impl Effect {
    pub(crate) fn trouble(&self, id: &str, trouble: Trouble, times: usize) {
        let mut all = self.trouble.lock().unwrap();
        all.insert(id.to_owned(), (trouble, times));
    }

    pub(crate) fn mend(&self) {
        self.trouble.lock().unwrap().clear();
    }

    fn next(&self, id: &str) -> Option<Trouble> {
        let mut all = self.trouble.lock().unwrap();
        let (trouble, times) = all.get_mut(id)?;
        *times = times.checked_sub(1)?;
        Some(*trouble)
    }
}

impl Handler for Effect {
    const NAME: &'static str = "effects";

    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        self.calls.fetch_add(1, SeqCst);
        // The effect comes first: it must be rolled back.
        sqlx::query("INSERT INTO effects (id) VALUES ($1)")
            .bind(event.id())
            .execute(&mut **tx)
            .await?;
        match self.next(event.id()) {
            None => Ok(()),
            Some(Trouble::Poison) => Ok(event.read::<u8>().map(drop)?),
            Some(Trouble::Transient) => Err(HandlerError::transient("the moon is full")),
            Some(Trouble::Panic) => panic!("the {} is full", "cup"),
            Some(Trouble::Hang) => std::future::pending().await,
        }
    }
}

/// How deliveries ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends(Arc<Ended>);

#[derive(Debug, Default)]
struct Ended {
    acks: AtomicUsize,
    nacks: Mutex<Vec<Duration>>,
    beats: AtomicUsize,
    beaten: Notify,
    taken_over: AtomicBool,
}

impl Ends {
    /// A delivery of the event that says here how it ended.
    pub(crate) fn deliver(&self, event: &Event) -> Delivery {
        Delivery::new(event.clone(), 1, Box::new(self.clone()))
    }

    pub(crate) fn acks(&self) -> usize {
        self.0.acks.load(SeqCst)
    }

    pub(crate) fn nacks(&self) -> Vec<Duration> {
        self.0.nacks.lock().unwrap().clone()
    }

    pub(crate) async fn beats(&self, count: usize) {
        while self.0.beats.load(SeqCst) < count {
            self.0.beaten.notified().await;
        }
    }

    pub(crate) fn take_over(&self) {
        self.0.taken_over.store(true, SeqCst);
    }
}

impl Acknowledge for Ends {
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async {
            // An await, for a cut to fall on.
            tokio::task::yield_now().await;
            self.0.acks.fetch_add(1, SeqCst);
            Ok(())
        })
    }

    fn nack(&mut self, delay: Duration) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.nacks.lock().unwrap().push(delay);
            Ok(())
        })
    }

    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async {
            self.0.beats.fetch_add(1, SeqCst);
            self.0.beaten.notify_one();
            if self.0.taken_over.load(SeqCst) {
                return Err(BusError::TakenOver);
            }
            Ok(())
        })
    }
}

//! One business transaction over several services, which ends done or undone whatever fails.
//!
//! # What for
//!
//! An order takes goods from one service, money from another and a parcel from a third. There is no
//! transaction over the three, so there is a *saga*: steps that are made one after the other, and
//! undone in reverse if one cannot be made. It goes on after a crash at any point, because what came
//! of a step is written in the same commit as its log line and the events it tells.
//!
//! A step has four outcomes, not two. *Done* and *rejected* are clear. *Not sent* is what the layers
//! of [tower-keep](tower_keep) know and nobody else: an open breaker, a full bulkhead; it costs no try
//! and leaves no doubt. And *unknown* is a lost answer, a 500 or a crash of this process: the step may
//! have been executed, so if it cannot be found out by trying again, the step *itself* is undone too.
//!
//! | outcome | compensatable | pivot | retriable |
//! |---|---|---|---|
//! | done | next step | next step | next step |
//! | rejected | undo what was done | undo what was done | park: it may not say no |
//! | not sent | again, until the deadline; then undo, itself too if an earlier try was unknown | again; at the deadline undo, unless an earlier try was unknown | again |
//! | unknown | again, until its tries or the deadline are used up; then undo, itself too | again; never undone on a doubt | again |
//! | used up, or failing for a day | | park | park |
//!
//! An undo is tried again until it succeeds, and parked after a day. A saga that is *parked* waits for
//! a person: [`Sagas::retry`], [`Sagas::abandon`].
//!
//! # What it asks of a participant
//!
//! That it knows a [key](Cx::key) again: a second request of the same key gets the first one's answer,
//! a "no" included; an undo of a key that was never executed is remembered, and the request refused
//! when it comes late.
//!
//! # When not
//!
//! Where all of it is in one database: that is a transaction. Where the steps are only reactions and
//! nobody must see the whole: consumers of events do. A saga is not isolated; others see its steps,
//! which is what a [`lock`] is for.
//!
//! # Example
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tower_keep_durable::{
//!     BoxError, Db, Event, outbox,
//!     saga::{self, Committed, Cx, Plan, Saga, Sagas, StepError, Worker},
//! };
//!
//! tower_keep_durable::saga_steps! {
//!     enum Step { ReserveStock = "reserve-stock", Confirm = "confirm", Announce = "announce" }
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Order { id: String, reservation: Option<String> }
//!
//! struct PlaceOrder; // holds the clients of the participants
//!
//! impl PlaceOrder {
//!     async fn reserve(&self, key: &str) -> Result<String, StepError> { Ok(format!("r-{key}")) }
//!     async fn release(&self, _key: &str) -> Result<(), StepError> { Ok(()) }
//! }
//!
//! impl Saga for PlaceOrder {
//!     const NAME: &'static str = "place-order";
//!     type Step = Step;
//!     type State = Order;
//!
//!     fn plan(&self) -> Plan<Step, Committed> {
//!         Plan::new("place-order/v1")
//!             .compensatable(Step::ReserveStock)
//!             .pivot(Step::Confirm)
//!             .retriable(Step::Announce)
//!     }
//!
//!     async fn run(&self, step: Step, cx: &Cx, order: &mut Order) -> Result<(), StepError> {
//!         match step {
//!             Step::ReserveStock => order.reservation = Some(self.reserve(cx.key()).await?),
//!             // In the transaction of the log line: there is never a doubt about it.
//!             Step::Confirm => {
//!                 let mut tx = cx.local().await?;
//!                 sqlx::query("UPDATE orders SET status = 'CONFIRMED' WHERE id = $1")
//!                     .bind(&order.id).execute(&mut **tx).await?;
//!             }
//!             Step::Announce => cx.publish(Event::new("/orders", "shop.order.confirmed.v1", &order.id)),
//!         }
//!         Ok(())
//!     }
//!
//!     async fn undo(&self, step: Step, cx: &Cx, _: &mut Order) -> Result<(), StepError> {
//!         match step {
//!             Step::ReserveStock => self.release(cx.key()).await,
//!             Step::Confirm | Step::Announce => unreachable!("not compensatable"),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! # let folder = tempfile::tempdir()?;
//! # let url = tower_keep_durable::db::file_url(&folder.path().join("orders.db"));
//! # const ORDERS: tower_keep_durable::db::Schema = tower_keep_durable::db::Schema::new("orders",
//! #     &[&["CREATE TABLE orders (id TEXT PRIMARY KEY, status TEXT NOT NULL)"]]);
//! let db = Db::open(&url, &[ORDERS, outbox::SCHEMA, saga::SCHEMA]).await?;
//! let sagas = Sagas::new(&db);
//! let worker = Worker::new(&sagas).register(PlaceOrder)?;
//!
//! let mut tx = db.begin_write().await?; // the order and its saga, or neither
//! sqlx::query("INSERT INTO orders VALUES ('7', 'PENDING')").execute(&mut *tx).await?;
//! let order = Order { id: "7".to_owned(), reservation: None };
//! sagas.start_as(&mut tx, "place-order-7", &PlaceOrder, &order).await?;
//! tx.commit().await?;
//! sagas.wake();
//!
//! worker.pass().await?; // a service: worker.run(stop).await
//! let record = sagas.get("place-order-7").await?.expect("started above");
//! assert_eq!(record.status, saga::Status::Completed);
//! # Ok(()) }
//! ```

mod answer;
mod attempt;
mod cx;
mod definition;
mod drive;
mod error;
mod fault;
mod figures;
mod forget;
mod lock;
mod operator;
mod plan;
#[cfg(test)]
mod reference;
mod registry;
mod retry;
mod row;
mod sagas;
mod schema;
mod state;
mod status;
mod step;
mod store;
mod turn;
mod worker;

pub(crate) use self::attempt::Try;
#[cfg(feature = "testing")]
pub use self::fault::{Fault, Faults, Happened, Point, Script};
pub use self::{
    answer::accept,
    cx::{Cx, Local},
    definition::Saga,
    error::{PlanError, SagaError, StepError},
    figures::Figures,
    lock::{LockError, Locked, holder, lock, unlock},
    operator::{LogLine, Record},
    plan::{Committed, Empty, HasStep, Kind, Open, Plan, UndoOrder},
    registry::Verb,
    retry::Retry,
    sagas::Sagas,
    schema::SCHEMA,
    status::Status,
    step::StepName,
    turn::Turn,
    worker::{Passed, Worker},
};

//! Participants with a book each, and the saga that moves things between them.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tower_keep_durable::{
    Db, Event, Tx,
    db::Schema,
    saga::{self, Committed, Cx, Plan, Retry, Saga, StepError, StepName, lock, unlock},
};

/// What the participants keep, in a database of their own.
pub(crate) const BOOKS: Schema = Schema::new(
    "toy_books",
    &[&[
        "CREATE TABLE books (name TEXT PRIMARY KEY, amount BIGINT NOT NULL)",
        "CREATE TABLE keys (k TEXT PRIMARY KEY, answer TEXT NOT NULL, source TEXT NOT NULL,
            target TEXT NOT NULL, amount BIGINT NOT NULL)",
        "CREATE TABLE calls (at {serial}, k TEXT NOT NULL, source TEXT NOT NULL,
            target TEXT NOT NULL, amount BIGINT NOT NULL)",
    ]],
);

/// What the service of the saga keeps beside it.
pub(crate) const ORDERS: Schema = Schema::new(
    "toy_orders",
    &[&["CREATE TABLE orders (id TEXT PRIMARY KEY, status TEXT NOT NULL)"]],
);

/// Moves amounts between books, once for each key.
#[derive(Debug, Clone)]
pub(crate) struct Participants {
    pub(crate) db: Db,
}

/// A request to a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) source: &'static str,
    pub(crate) target: &'static str,
    pub(crate) amount: i64,
}

async fn run(tx: &mut Tx, sql: &'static str, texts: &[&str], amount: Option<i64>) -> u64 {
    let mut query = sqlx::query(sql);
    for text in texts {
        query = query.bind(*text);
    }
    if let Some(amount) = amount {
        query = query.bind(amount);
    }
    query.execute(&mut **tx).await.unwrap().rows_affected()
}

async fn answer(tx: &mut Tx, key: &str) -> Option<(String, String, String, i64)> {
    sqlx::query_as("SELECT answer, source, target, amount FROM keys WHERE k = $1")
        .bind(key)
        .fetch_optional(&mut **tx)
        .await
        .unwrap()
}

async fn shift(tx: &mut Tx, source: &str, target: &str, amount: i64) -> bool {
    let taken = "UPDATE books SET amount = amount - $2 WHERE name = $1 AND amount >= $2";
    if run(tx, taken, &[source], Some(amount)).await == 0 {
        return false;
    }
    let given = "UPDATE books SET amount = amount + $2 WHERE name = $1";
    run(tx, given, &[target], Some(amount)).await == 1
}

impl Participants {
    /// Executes a request, or answers what it answered before.
    pub(crate) async fn execute(&self, key: &str, what: Move) -> Result<(), StepError> {
        let Move {
            source,
            target,
            amount,
        } = what;
        let mut tx = self.db.begin_write().await?;
        let call = "INSERT INTO calls (k, source, target, amount) VALUES ($1, $2, $3, $4)";
        run(&mut tx, call, &[key, source, target], Some(amount)).await;
        let known = answer(&mut tx, key).await;
        let done = match known {
            Some((answer, ..)) => answer == "done",
            None => {
                let done = shift(&mut tx, source, target, amount).await;
                // Mutant G: a "no" is forgotten.
                if done || !cfg!(saga_mutant = "G") {
                    let keep = "INSERT INTO keys (k, answer, source, target, amount)
                                VALUES ($1, $2, $3, $4, $5)";
                    let answer = if done { "done" } else { "rejected" };
                    run(&mut tx, keep, &[key, answer, source, target], Some(amount)).await;
                }
                done
            }
        };
        tx.commit().await?;
        match done {
            true => Ok(()),
            false => Err(StepError::rejected(format!("{source} is short"))),
        }
    }

    /// Undoes what was executed under the key, and refuses what comes later.
    pub(crate) async fn cancel(&self, key: &str) -> Result<(), StepError> {
        let mut tx = self.db.begin_write().await?;
        match answer(&mut tx, key).await {
            Some((answer, source, target, amount)) => {
                if answer == "done" {
                    assert!(shift(&mut tx, &target, &source, amount).await, "{key}");
                }
                let cancelled = "UPDATE keys SET answer = 'cancelled' WHERE k = $1";
                run(&mut tx, cancelled, &[key], None).await;
            }
            // Mutant D: who comes late finds nothing.
            None if cfg!(saga_mutant = "D") => {}
            None => {
                let stone = "INSERT INTO keys (k, answer, source, target, amount)
                             VALUES ($1, 'cancelled', '', '', 0)";
                run(&mut tx, stone, &[key], None).await;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn amount(&self, book: &str) -> i64 {
        let (amount,) = sqlx::query_as("SELECT amount FROM books WHERE name = $1")
            .bind(book)
            .fetch_one(self.db.pool())
            .await
            .unwrap();
        amount
    }

    pub(crate) async fn put(&self, book: &str, amount: i64) {
        sqlx::query(
            "INSERT INTO books (name, amount) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET amount = $2",
        )
        .bind(book)
        .bind(amount)
        .execute(self.db.pool())
        .await
        .unwrap();
    }
}

tower_keep_durable::saga_steps! {
    pub(crate) enum Step {
        LockOrder = "lock-order",
        ReserveStock = "reserve-stock",
        AuthorizePayment = "authorize-payment",
        ConfirmOrder = "confirm-order",
        CapturePayment = "capture-payment",
        Ship = "ship",
        Announce = "announce",
    }
}

impl Step {
    pub(crate) const REMOTE: [Self; 2] = [Self::ReserveStock, Self::AuthorizePayment];
    pub(crate) const LATER: [Self; 3] = [Self::CapturePayment, Self::Ship, Self::Announce];
    pub(crate) const ALL: [Self; 7] = [
        Self::LockOrder,
        Self::ReserveStock,
        Self::AuthorizePayment,
        Self::ConfirmOrder,
        Self::CapturePayment,
        Self::Ship,
        Self::Announce,
    ];
}

/// What a step asks of a participant.
pub(crate) fn request(step: &str) -> Option<Move> {
    let (source, target, amount) = match step {
        "reserve-stock" => ("stock", "held stock", 2),
        "authorize-payment" => ("money", "held money", 50),
        "capture-payment" => ("held money", "earned", 50),
        "ship" => ("held stock", "shipped", 2),
        _ => return None,
    };
    Some(Move {
        source,
        target,
        amount,
    })
}

/// Holds up a step until it is opened.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    pub(crate) entered: Notify,
    pub(crate) open: Notify,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    /// The steps that were done, as far as the state knows.
    pub(crate) done: Vec<String>,
}

/// The toy saga.
#[derive(Debug, Clone)]
pub(crate) struct PlaceOrder {
    pub(crate) participants: Participants,
    /// Where the first try of a step waits.
    pub(crate) gate: Option<(Step, Arc<Gate>)>,
    pub(crate) plan: fn() -> Plan<Step, Committed>,
}

pub(crate) fn plan() -> Plan<Step, Committed> {
    Plan::new("place-order/v1")
        .compensatable(Step::LockOrder)
        .compensatable(Step::ReserveStock)
        .retry(Retry::times(3))
        .compensatable(Step::AuthorizePayment)
        .retry(Retry::times(3))
        .pivot(Step::ConfirmOrder)
        .retriable(Step::CapturePayment)
        .retriable(Step::Ship)
        .retriable(Step::Announce)
        .deadline(Duration::from_secs(15 * 60))
}

impl PlaceOrder {
    async fn status(cx: &Cx, order: &str, status: [&str; 2]) -> Result<(), StepError> {
        let mut tx = cx.local().await?;
        let sql = "UPDATE orders SET status = $3 WHERE id = $1 AND status = $2";
        let changed = run(&mut tx, sql, &[order, status[0], status[1]], None).await;
        match changed {
            1 => Ok(()),
            _ => Err(StepError::rejected(format!(
                "the order is not {}",
                status[0]
            ))),
        }
    }
}

impl Saga for PlaceOrder {
    const NAME: &'static str = "place-order";
    type Step = Step;
    type State = Order;

    fn plan(&self) -> Plan<Step, Committed> {
        (self.plan)()
    }

    async fn run(&self, step: Step, cx: &Cx, order: &mut Order) -> Result<(), StepError> {
        order.done.push(step.name().to_owned());
        if let Some((at, gate)) = &self.gate
            && *at == step
            && !cx.is_ambiguous()
        {
            gate.entered.notify_one();
            gate.open.notified().await;
        }
        match step {
            Step::LockOrder => {
                let mut tx = cx.local().await?;
                let resource = format!("order/{}", order.id);
                lock(&mut tx, cx.db().clock(), &resource, cx.saga_id()).await?;
            }
            Step::ConfirmOrder => Self::status(cx, &order.id, ["pending", "confirmed"]).await?,
            Step::Announce => {
                cx.publish(Event::new("/toy", "toy.order.confirmed.v1", &order.id));
                let mut tx = cx.local().await?;
                unlock(&mut tx, &format!("order/{}", order.id), cx.saga_id()).await?;
            }
            _ => {
                let request = request(step.name()).expect("one to a participant");
                self.participants.execute(cx.key(), request).await?;
            }
        }
        Ok(())
    }

    async fn undo(&self, step: Step, cx: &Cx, order: &mut Order) -> Result<(), StepError> {
        match step {
            Step::LockOrder => {
                Self::status(cx, &order.id, ["pending", "rejected"]).await?;
                let mut tx = cx.local().await?;
                unlock(&mut tx, &format!("order/{}", order.id), cx.saga_id()).await?;
                Ok(())
            }
            _ => self.participants.cancel(cx.key()).await,
        }
    }
}

/// All the tables of the service.
pub(crate) const SCHEMAS: [Schema; 3] = [tower_keep_durable::outbox::SCHEMA, saga::SCHEMA, ORDERS];

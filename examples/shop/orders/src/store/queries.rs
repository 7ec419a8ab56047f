use std::{collections::HashMap, time::Duration};

use shop_kit::{
    db::{Db, Tx, micros, now_micros},
    idempotency::{self, Answer, Begun, Keyed},
    ids::{OrderId, PaymentId, ReservationId},
    money::Money,
    problem::Problem,
};

use crate::{
    domain::{Line, NewOrder, Order, Refusal, Status},
    peers::Peer,
};

/// How long whoever moves an order has before the finisher, or a repeat of its request, takes over.
/// Longer than all calls of one order together.
const LEASE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) db: Db,
}

/// What became of a request for an order.
#[derive(Debug, PartialEq)]
pub(crate) enum Accepted {
    /// It is this order, and the caller is to move it on.
    Order(OrderId),
    /// It was answered before.
    Answered(Answer),
}

impl Store {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Stores a pending order and its key in one transaction.
    pub(crate) async fn accept(
        &self,
        keyed: &Keyed,
        order: &NewOrder,
    ) -> Result<Accepted, Problem> {
        let id = OrderId::generate();
        let mut tx = self.db.begin_write().await?;
        let accepted = match idempotency::begin(&mut tx, keyed, &id.to_string(), LEASE).await? {
            Begun::Fresh => {
                insert(&mut tx, id, order).await?;
                Accepted::Order(id)
            }
            Begun::Abandoned(subject) => Accepted::Order(subject.parse().map_err(decode)?),
            Begun::Answered(answer) => Accepted::Answered(answer),
        };
        tx.commit().await?;
        Ok(accepted)
    }

    /// Records the answer of a request.
    pub(crate) async fn answer(&self, keyed: &Keyed, answer: &Answer) -> Result<(), sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        idempotency::finish(&mut tx, keyed, answer).await?;
        tx.commit().await
    }

    pub(crate) async fn load(&self, id: OrderId) -> Result<Option<Order>, sqlx::Error> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, customer, status, total, currency, payment_id, reservation_id, refused_by, reason
             FROM orders WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(self.db.pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let lines: Vec<(String, i64)> = sqlx::query_as(
            "SELECT product, quantity FROM order_lines WHERE order_id = $1 ORDER BY position",
        )
        .bind(id.to_string())
        .fetch_all(self.db.pool())
        .await?;
        order(row, lines.into_iter().map(line).collect()).map(Some)
    }

    /// The newest orders of a customer.
    pub(crate) async fn of_customer(
        &self,
        customer: &str,
        limit: i64,
    ) -> Result<Vec<Order>, sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, customer, status, total, currency, payment_id, reservation_id, refused_by, reason
             FROM orders WHERE customer = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        )
        .bind(customer)
        .bind(limit)
        .fetch_all(self.db.pool())
        .await?;
        let all: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT l.order_id, l.product, l.quantity FROM order_lines l
             WHERE l.order_id IN (SELECT id FROM orders WHERE customer = $1 ORDER BY created_at DESC, id DESC LIMIT $2)
             ORDER BY l.order_id, l.position",
        )
        .bind(customer)
        .bind(limit)
        .fetch_all(self.db.pool())
        .await?;
        let mut lines: HashMap<String, Vec<Line>> = HashMap::new();
        for (id, product, quantity) in all {
            lines.entry(id).or_default().push(line((product, quantity)));
        }
        let with_lines = |row: Row| {
            let lines = lines.remove(&row.0).unwrap_or_default();
            order(row, lines)
        };
        rows.into_iter().map(with_lines).collect()
    }

    /// The stock is set aside, at this price.
    pub(crate) async fn reserved(&self, id: OrderId, total: Money) -> Result<bool, sqlx::Error> {
        let moved = sqlx::query(
            "UPDATE orders SET total = $1, currency = $2 WHERE id = $3 AND status = $4 AND total IS NULL",
        )
        .bind(total.minor)
        .bind(total.currency.to_string())
        .bind(id.to_string())
        .bind(Status::Pending.as_str())
        .execute(self.db.pool())
        .await?;
        Ok(moved.rows_affected() == 1)
    }

    /// Compare-and-set: moves the order on, unless somebody else moved it.
    pub(crate) async fn step(
        &self,
        id: OrderId,
        from: Status,
        to: Status,
    ) -> Result<bool, sqlx::Error> {
        let moved = sqlx::query("UPDATE orders SET status = $1 WHERE id = $2 AND status = $3")
            .bind(to.as_str())
            .bind(id.to_string())
            .bind(from.as_str())
            .execute(self.db.pool())
            .await?;
        Ok(moved.rows_affected() == 1)
    }

    /// Compare-and-set from pending, with the reason.
    pub(crate) async fn refuse(
        &self,
        id: OrderId,
        to: Status,
        refusal: &Refusal,
    ) -> Result<bool, sqlx::Error> {
        let moved =
            sqlx::query("UPDATE orders SET status = $1, refused_by = $2, reason = $3 WHERE id = $4 AND status = $5")
                .bind(to.as_str())
                .bind(&refusal.by)
                .bind(&refusal.reason)
                .bind(id.to_string())
                .bind(Status::Pending.as_str())
                .execute(self.db.pool())
                .await?;
        Ok(moved.rows_affected() == 1)
    }

    /// Decides that the order is cancelled, if it still can be; answers the order as it is then.
    pub(crate) async fn cancel(&self, id: OrderId) -> Result<Option<Order>, sqlx::Error> {
        for from in [Status::Pending, Status::Confirmed] {
            debug_assert!(from.can_cancel());
            // `from` may become the other one in between, but only forwards: pending, then confirmed.
            sqlx::query(
                "UPDATE orders SET status = $1, attempts = 0, next_attempt_at = $2 WHERE id = $3 AND status = $4",
            )
            .bind(Status::Cancelling.as_str())
            .bind(now_micros().saturating_add(micros(LEASE)))
            .bind(id.to_string())
            .bind(from.as_str())
            .execute(self.db.pool())
            .await?;
        }
        self.load(id).await
    }

    /// Puts the next attempt off by what `wait` says for the number of attempts so far.
    pub(crate) async fn postpone(
        &self,
        id: OrderId,
        wait: impl Fn(u32) -> Duration,
    ) -> Result<(), sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let (attempts,): (i64,) = sqlx::query_as("SELECT attempts FROM orders WHERE id = $1")
            .bind(id.to_string())
            .fetch_one(&mut *tx)
            .await?;
        let wait = wait(u32::try_from(attempts).unwrap_or(u32::MAX));
        sqlx::query("UPDATE orders SET attempts = $1, next_attempt_at = $2 WHERE id = $3")
            .bind(attempts.saturating_add(1))
            .bind(now_micros().saturating_add(micros(wait)))
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// The oldest open orders whose time has come and whose next step needs `peer`.
    pub(crate) async fn due(&self, peer: Peer, limit: i64) -> Result<Vec<OrderId>, sqlx::Error> {
        // The flow of `place_order`, as a condition: stock first, then money; money back first.
        let query = match peer {
            Peer::Inventory => {
                "SELECT id FROM orders WHERE next_attempt_at <= $1
                 AND (status = 'refusing' OR (status IN ('pending', 'cancelling') AND total IS NULL))
                 ORDER BY created_at, id LIMIT $2"
            }
            Peer::Payments => {
                "SELECT id FROM orders WHERE next_attempt_at <= $1
                 AND status IN ('pending', 'cancelling') AND total IS NOT NULL
                 ORDER BY created_at, id LIMIT $2"
            }
        };
        let rows: Vec<(String,)> = sqlx::query_as(query)
            .bind(now_micros())
            .bind(limit)
            .fetch_all(self.db.pool())
            .await?;
        rows.into_iter()
            .map(|(id,)| id.parse().map_err(decode))
            .collect()
    }
}

async fn insert(tx: &mut Tx, id: OrderId, order: &NewOrder) -> Result<(), sqlx::Error> {
    let now = now_micros();
    sqlx::query(
        "INSERT INTO orders (id, customer, status, payment_id, reservation_id, attempts, next_attempt_at, created_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6, $7)",
    )
    .bind(id.to_string())
    .bind(&order.customer)
    .bind(Status::Pending.as_str())
    .bind(PaymentId::generate().to_string())
    .bind(ReservationId::generate().to_string())
    .bind(now.saturating_add(micros(LEASE)))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    for (position, line) in (0_i64..).zip(&order.lines) {
        sqlx::query("INSERT INTO order_lines (order_id, position, product, quantity) VALUES ($1, $2, $3, $4)")
            .bind(id.to_string())
            .bind(position)
            .bind(&line.product)
            .bind(line.quantity)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

type Row = (
    String,
    String,
    String,
    Option<i64>,
    Option<String>,
    String,
    String,
    Option<String>,
    Option<String>,
);

fn order(row: Row, lines: Vec<Line>) -> Result<Order, sqlx::Error> {
    let (id, customer, status, total, currency, payment, reservation, refused_by, reason) = row;
    let unknown = |text: String| decode(std::io::Error::other(text));
    let total = match total.zip(currency) {
        Some((minor, currency)) => Some(Money::new(minor, currency.parse().map_err(unknown)?)),
        None => None,
    };
    Ok(Order {
        id: id.parse().map_err(decode)?,
        customer,
        status: Status::named(&status).ok_or_else(|| unknown(format!("status {status}")))?,
        lines,
        total,
        payment: payment.parse().map_err(decode)?,
        reservation: reservation.parse().map_err(decode)?,
        refusal: refused_by
            .zip(reason)
            .map(|(by, reason)| Refusal { by, reason }),
    })
}

fn line((product, quantity): (String, i64)) -> Line {
    Line { product, quantity }
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

use http::StatusCode;
use shop_kit::{
    db::Tx,
    drills::{self, mistakes::REFUSAL_FORGOTTEN},
    events::{Line, StockHeld, StockRejected},
    idempotency::{Answer, Begun, Keyed},
    money::Money,
    problem::Problem,
};

use super::{Store, products::product};
use crate::domain::{Refusal, Reservation, Reserve, status};

impl Store {
    /// Sets the stock of all lines aside, or records why not.
    pub(crate) async fn reserve(
        &self,
        keyed: &Keyed,
        reserve: &Reserve,
    ) -> Result<Answer, Problem> {
        let mut tx = self.db.begin_write().await?;
        let ticket = match self.keys.begin(&mut tx, keyed).await? {
            Begun::Answered(answer) => return Ok(answer.into()),
            Begun::Fresh(ticket) | Begun::Abandoned(ticket, _) => ticket,
        };
        let (order, reservation) = (reserve.order, reserve.id);
        let answer = match set_aside(&mut tx, reserve).await? {
            Ok((held, total)) => {
                let told = StockHeld {
                    order,
                    reservation,
                    total,
                    account: None,
                };
                self.tell(&mut tx, &told).await?;
                Answer::new(StatusCode::CREATED, &held)
                    .location(&format!("/reservations/order/{order}"))
            }
            Err(refusal) => {
                let problem = Problem::from(refusal);
                let reason = problem.detail.clone();
                let told = StockRejected {
                    order,
                    reservation,
                    reason,
                };
                self.tell(&mut tx, &told).await?;
                problem.into()
            }
        };
        if drills::makes(REFUSAL_FORGOTTEN) && answer.is_rejection() {
            tx.rollback().await?;
            return Ok(answer);
        }
        self.keys.finish(&mut tx, &ticket, &answer).await?;
        self.outbox.commit(tx).await?;
        Ok(answer)
    }
}

/// Takes the stock and writes the reservation, or writes that it was refused.
pub(super) async fn set_aside(
    tx: &mut Tx,
    reserve: &Reserve,
) -> Result<Result<(Reservation, Money), Refusal>, sqlx::Error> {
    let inserted = sqlx::query("INSERT INTO reservations (id, order_id, status) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(reserve.id.to_string())
        .bind(reserve.order.to_string())
        .bind(status::HELD)
        .execute(&mut **tx)
        .await?;
    if inserted.rows_affected() == 0 {
        let found: Option<(Option<String>, String)> =
            sqlx::query_as("SELECT order_id, status FROM reservations WHERE id = $1")
                .bind(reserve.id.to_string())
                .fetch_optional(&mut **tx)
                .await?;
        return Ok(Err(match found {
            Some((None, status)) if status == status::RELEASED => Refusal::Released,
            _ => Refusal::Exists,
        }));
    }
    // One order for everybody: two reservations can never wait for each other.
    let mut lines: Vec<&Line> = reserve.lines.iter().collect();
    lines.sort_by(|a, b| a.product.cmp(&b.product));
    let mut products = Vec::with_capacity(lines.len());
    for line in &lines {
        products.extend(product(tx, &line.product).await?);
    }
    let mut decision = reserve.decide(&products);
    if decision.is_ok() {
        decision = take_stock(tx, reserve, &lines).await?.and(decision);
    }
    match decision {
        Ok(total) => {
            sqlx::query("UPDATE reservations SET total = $1, currency = $2 WHERE id = $3")
                .bind(total.minor)
                .bind(total.currency.to_string())
                .bind(reserve.id.to_string())
                .execute(&mut **tx)
                .await?;
            let held = Reservation {
                id: reserve.id,
                order: Some(reserve.order),
                status: status::HELD,
                total: Some(total),
            };
            Ok(Ok((held, total)))
        }
        Err(refusal) => {
            sqlx::query("UPDATE reservations SET status = $1 WHERE id = $2")
                .bind(status::REFUSED)
                .bind(reserve.id.to_string())
                .execute(&mut **tx)
                .await?;
            Ok(Err(refusal))
        }
    }
}

/// Takes all lines, or none. Every product is compared again where it is written: on PostgreSQL
/// another reservation may have come between.
async fn take_stock(
    tx: &mut Tx,
    reserve: &Reserve,
    lines: &[&Line],
) -> Result<Result<(), Refusal>, sqlx::Error> {
    for (at, line) in lines.iter().enumerate() {
        let taken = sqlx::query(
            "UPDATE products SET on_hand = on_hand - $1 WHERE sku = $2 AND on_hand >= $1",
        )
        .bind(line.quantity)
        .bind(&line.product)
        .execute(&mut **tx)
        .await?;
        if taken.rows_affected() == 0 {
            for line in &lines[..at] {
                sqlx::query("UPDATE products SET on_hand = on_hand + $1 WHERE sku = $2")
                    .bind(line.quantity)
                    .bind(&line.product)
                    .execute(&mut **tx)
                    .await?;
            }
            let on_hand = product(tx, &line.product)
                .await?
                .map_or(0, |product| product.on_hand);
            // A refused reservation keeps no lines.
            sqlx::query("DELETE FROM reservation_lines WHERE reservation_id = $1")
                .bind(reserve.id.to_string())
                .execute(&mut **tx)
                .await?;
            return Ok(Err(Refusal::OutOfStock {
                product: line.product.clone(),
                on_hand,
            }));
        }
        sqlx::query(
            "INSERT INTO reservation_lines (reservation_id, sku, quantity) VALUES ($1, $2, $3)",
        )
        .bind(reserve.id.to_string())
        .bind(&line.product)
        .bind(line.quantity)
        .execute(&mut **tx)
        .await?;
    }
    Ok(Ok(()))
}

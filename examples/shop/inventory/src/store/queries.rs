use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use shop_kit::{
    db::{Db, Tx},
    idempotency::{self, Answer, Begun, Keyed},
    ids::{OrderId, ReservationId},
    money::Money,
    problem::Problem,
};

use crate::{
    demo_data,
    domain::{Line, Product, Refusal, Reservation, Reserve, status},
};

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) db: Db,
}

impl Store {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Forgets old answers, and adds the demo's products when asked to.
    pub(crate) async fn start(&self, demo_data: bool) -> Result<(), sqlx::Error> {
        idempotency::forget_old(&self.db).await?;
        if demo_data {
            self.seed(&demo_data::products()).await?;
        }
        Ok(())
    }

    /// Adds the products that are missing.
    pub(crate) async fn seed(&self, products: &[Product]) -> Result<(), sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        for product in products {
            sqlx::query(
                "INSERT INTO products (sku, name, price, currency, seeded, on_hand)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(&product.sku)
            .bind(&product.name)
            .bind(product.price.minor)
            .bind(product.price.currency.to_string())
            .bind(product.on_hand)
            .bind(product.on_hand)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    }

    /// Sets the stock of all lines aside, or records why not.
    pub(crate) async fn reserve(
        &self,
        keyed: &Keyed,
        reserve: &Reserve,
    ) -> Result<Answer, Problem> {
        let mut tx = self.db.begin_write().await?;
        let begun =
            idempotency::begin(&mut tx, keyed, &reserve.id.to_string(), Duration::ZERO).await?;
        if let Begun::Answered(answer) = begun {
            return Ok(answer);
        }
        let answer = match set_aside(&mut tx, reserve).await? {
            Ok(reservation) => Answer::new(StatusCode::CREATED, &reservation)
                .location(format!("/reservations/order/{}", reserve.order)),
            Err(refusal) => Problem::from(refusal).into(),
        };
        idempotency::finish(&mut tx, keyed, &answer).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Puts the stock of a reservation back. Before the reservation exists this leaves a
    /// tombstone, so that a reservation that is still under way cannot take the stock afterwards.
    pub(crate) async fn release(&self, id: ReservationId) -> Result<Reservation, Problem> {
        let mut tx = self.db.begin_write().await?;
        // The insert comes first: on PostgreSQL it waits for a reservation of this id to commit.
        sqlx::query("INSERT INTO reservations (id, status) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id.to_string())
            .bind(status::RELEASED)
            .execute(&mut *tx)
            .await?;
        let released =
            sqlx::query("UPDATE reservations SET status = $1 WHERE id = $2 AND status = $3")
                .bind(status::RELEASED)
                .bind(id.to_string())
                .bind(status::HELD)
                .execute(&mut *tx)
                .await?;
        if released.rows_affected() == 1 {
            let lines: Vec<(String, i64)> =
                sqlx::query_as("SELECT sku, quantity FROM reservation_lines WHERE reservation_id = $1 ORDER BY sku")
                    .bind(id.to_string())
                    .fetch_all(&mut *tx)
                    .await?;
            for (sku, quantity) in lines {
                sqlx::query("UPDATE products SET on_hand = on_hand + $1 WHERE sku = $2")
                    .bind(quantity)
                    .bind(sku)
                    .execute(&mut *tx)
                    .await?;
            }
        }
        let row: Row =
            sqlx::query_as("SELECT id, status, total, currency FROM reservations WHERE id = $1")
                .bind(id.to_string())
                .fetch_one(&mut *tx)
                .await?;
        tx.commit().await?;
        Ok(reservation(row)?)
    }

    pub(crate) async fn of_order(
        &self,
        order: OrderId,
    ) -> Result<Option<Reservation>, sqlx::Error> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, status, total, currency FROM reservations WHERE order_id = $1",
        )
        .bind(order.to_string())
        .fetch_optional(self.db.pool())
        .await?;
        row.map(reservation).transpose()
    }

    /// Every product with what is free and what is set aside.
    pub(crate) async fn products(&self) -> Result<Vec<ProductView>, sqlx::Error> {
        let rows: Vec<(String, String, i64, String, i64, i64, i64)> = sqlx::query_as(
            "SELECT p.sku, p.name, p.price, p.currency, p.seeded, p.on_hand,
                    CAST(COALESCE((SELECT SUM(l.quantity) FROM reservation_lines l
                                   JOIN reservations r ON r.id = l.reservation_id
                                   WHERE l.sku = p.sku AND r.status = $1), 0) AS BIGINT)
             FROM products p ORDER BY p.sku",
        )
        .bind(status::HELD)
        .fetch_all(self.db.pool())
        .await?;
        rows.into_iter()
            .map(|(sku, name, price, currency, seeded, on_hand, reserved)| {
                Ok(ProductView {
                    sku,
                    name,
                    price: money(price, &currency)?,
                    seeded,
                    on_hand,
                    reserved,
                })
            })
            .collect()
    }
}

/// One product with its stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ProductView {
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) price: Money,
    /// What there was in the beginning.
    pub(crate) seeded: i64,
    /// What is free.
    pub(crate) on_hand: i64,
    /// What is set aside for orders.
    pub(crate) reserved: i64,
}

async fn set_aside(
    tx: &mut Tx,
    reserve: &Reserve,
) -> Result<Result<Reservation, Refusal>, sqlx::Error> {
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
            Ok(Ok(Reservation {
                id: reserve.id,
                status: status::HELD,
                total: Some(total),
            }))
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

async fn product(tx: &mut Tx, sku: &str) -> Result<Option<Product>, sqlx::Error> {
    let row: Option<(String, String, i64, String, i64)> =
        sqlx::query_as("SELECT sku, name, price, currency, on_hand FROM products WHERE sku = $1")
            .bind(sku)
            .fetch_optional(&mut **tx)
            .await?;
    row.map(|(sku, name, price, currency, on_hand)| {
        Ok(Product {
            sku,
            name,
            price: money(price, &currency)?,
            on_hand,
        })
    })
    .transpose()
}

type Row = (String, String, Option<i64>, Option<String>);

fn reservation((id, status, total, currency): Row) -> Result<Reservation, sqlx::Error> {
    Ok(Reservation {
        id: id.parse().map_err(decode)?,
        status: status::named(&status),
        total: total
            .zip(currency)
            .map(|(minor, currency)| money(minor, &currency))
            .transpose()?,
    })
}

fn money(minor: i64, currency: &str) -> Result<Money, sqlx::Error> {
    Ok(Money::new(
        minor,
        currency
            .parse()
            .map_err(|error: String| decode(std::io::Error::other(error)))?,
    ))
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

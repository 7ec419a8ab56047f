use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use shop_kit::{
    db::{Db, Tx},
    idempotency::{self, Answer, Begun, Keyed},
    ids::{OrderId, PaymentId},
    money::Money,
    problem::Problem,
};

use crate::{
    demo_data,
    domain::{Account, Charge, Payment, Refusal, status},
};

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) db: Db,
}

impl Store {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Forgets old answers, and adds the demo's accounts when asked to.
    pub(crate) async fn start(&self, demo_data: bool) -> Result<(), sqlx::Error> {
        idempotency::forget_old(&self.db).await?;
        if demo_data {
            self.seed(&demo_data::accounts()).await?;
        }
        Ok(())
    }

    /// Adds the accounts that are missing.
    pub(crate) async fn seed(&self, accounts: &[Account]) -> Result<(), sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        for account in accounts {
            sqlx::query(
                "INSERT INTO accounts (id, balance, currency, seeded, blocked)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            )
            .bind(&account.id)
            .bind(account.balance.minor)
            .bind(account.balance.currency.to_string())
            .bind(account.balance.minor)
            .bind(i64::from(account.blocked))
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    }

    /// Takes the payment, or records why not.
    pub(crate) async fn charge(&self, keyed: &Keyed, charge: &Charge) -> Result<Answer, Problem> {
        let mut tx = self.db.begin_write().await?;
        let begun =
            idempotency::begin(&mut tx, keyed, &charge.id.to_string(), Duration::ZERO).await?;
        if let Begun::Answered(answer) = begun {
            return Ok(answer);
        }
        let answer = match take(&mut tx, charge).await? {
            Ok(payment) => Answer::new(StatusCode::CREATED, &payment)
                .location(format!("/payments/order/{}", charge.order)),
            Err(refusal) => Problem::from(refusal).into(),
        };
        idempotency::finish(&mut tx, keyed, &answer).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Gives a captured payment back. Before the payment exists this leaves a tombstone, so that a
    /// charge that is still under way cannot take the money afterwards.
    pub(crate) async fn refund(&self, id: PaymentId) -> Result<Payment, Problem> {
        let mut tx = self.db.begin_write().await?;
        // The insert comes first: on PostgreSQL it waits for a charge of this id to commit.
        sqlx::query("INSERT INTO payments (id, status) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id.to_string())
            .bind(status::VOIDED)
            .execute(&mut *tx)
            .await?;
        let refunded: Option<(String, i64)> =
            sqlx::query_as("UPDATE payments SET status = $1 WHERE id = $2 AND status = $3 RETURNING account, amount")
                .bind(status::REFUNDED)
                .bind(id.to_string())
                .bind(status::CAPTURED)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some((account, amount)) = refunded {
            sqlx::query("UPDATE accounts SET balance = balance + $1 WHERE id = $2")
                .bind(amount)
                .bind(account)
                .execute(&mut *tx)
                .await?;
        }
        let row: Row = sqlx::query_as(
            "SELECT id, order_id, account, amount, currency, status FROM payments WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(payment(row)?)
    }

    pub(crate) async fn of_order(&self, order: OrderId) -> Result<Option<Payment>, sqlx::Error> {
        let row: Option<Row> =
            sqlx::query_as("SELECT id, order_id, account, amount, currency, status FROM payments WHERE order_id = $1")
                .bind(order.to_string())
                .fetch_optional(self.db.pool())
                .await?;
        row.map(payment).transpose()
    }

    /// Every account with what is left and what was taken: the books, for whoever checks them.
    pub(crate) async fn accounts(&self) -> Result<Vec<AccountView>, sqlx::Error> {
        let rows: Vec<(String, String, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT a.id, a.currency, a.seeded, a.balance,
                    CAST(COALESCE(SUM(p.amount), 0) AS BIGINT), CAST(COUNT(p.id) AS BIGINT)
             FROM accounts a LEFT JOIN payments p ON p.account = a.id AND p.status = $1
             GROUP BY a.id, a.currency, a.seeded, a.balance ORDER BY a.id",
        )
        .bind(status::CAPTURED)
        .fetch_all(self.db.pool())
        .await?;
        let view = |(id, currency, seeded, balance, captured, payments)| AccountView {
            id,
            currency,
            seeded,
            balance,
            captured,
            payments,
        };
        Ok(rows.into_iter().map(view).collect())
    }
}

/// One account in the books, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AccountView {
    pub(crate) id: String,
    pub(crate) currency: String,
    /// What the account was opened with.
    pub(crate) seeded: i64,
    /// What is left.
    pub(crate) balance: i64,
    /// What captured payments took.
    pub(crate) captured: i64,
    /// How many captured payments there are.
    pub(crate) payments: i64,
}

async fn take(tx: &mut Tx, charge: &Charge) -> Result<Result<Payment, Refusal>, sqlx::Error> {
    let amount = charge.amount;
    let inserted = sqlx::query(
        "INSERT INTO payments (id, order_id, account, amount, currency, status)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(charge.id.to_string())
    .bind(charge.order.to_string())
    .bind(&charge.account)
    .bind(amount.minor)
    .bind(amount.currency.to_string())
    .bind(status::CAPTURED)
    .execute(&mut **tx)
    .await?;
    if inserted.rows_affected() == 0 {
        let found: Option<(String,)> = sqlx::query_as("SELECT status FROM payments WHERE id = $1")
            .bind(charge.id.to_string())
            .fetch_optional(&mut **tx)
            .await?;
        return Ok(Err(match found {
            None => Refusal::SecondPayment,
            Some((status,)) if status == status::VOIDED => Refusal::Voided,
            Some(_) => Refusal::Exists,
        }));
    }
    let account: Option<(String, i64, String, i64)> =
        sqlx::query_as("SELECT id, balance, currency, blocked FROM accounts WHERE id = $1")
            .bind(&charge.account)
            .fetch_optional(&mut **tx)
            .await?;
    let account = account
        .map(|(id, balance, currency, blocked)| {
            Ok::<_, sqlx::Error>(Account {
                id,
                balance: money(balance, &currency)?,
                blocked: blocked != 0,
            })
        })
        .transpose()?;
    let mut decision = charge.decide(account.as_ref());
    if decision.is_ok() {
        // Compared again where it is written: on PostgreSQL another payment may have come between.
        let paid = sqlx::query(
            "UPDATE accounts SET balance = balance - $1 WHERE id = $2 AND balance >= $1",
        )
        .bind(amount.minor)
        .bind(&charge.account)
        .execute(&mut **tx)
        .await?;
        if paid.rows_affected() == 0 {
            decision = Err(Refusal::InsufficientFunds(amount));
        }
    }
    if let Err(refusal) = decision {
        sqlx::query("UPDATE payments SET status = $1 WHERE id = $2")
            .bind(status::REFUSED)
            .bind(charge.id.to_string())
            .execute(&mut **tx)
            .await?;
        return Ok(Err(refusal));
    }
    Ok(Ok(Payment {
        id: charge.id,
        order: Some(charge.order),
        account: Some(charge.account.clone()),
        amount: Some(amount),
        status: status::CAPTURED,
    }))
}

type Row = (
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
    String,
);

fn payment((id, order, account, amount, currency, status): Row) -> Result<Payment, sqlx::Error> {
    Ok(Payment {
        id: id.parse().map_err(decode)?,
        order: order
            .map(|order| order.parse().map_err(decode))
            .transpose()?,
        account,
        amount: amount
            .zip(currency)
            .map(|(minor, currency)| money(minor, &currency))
            .transpose()?,
        status: status::named(&status),
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

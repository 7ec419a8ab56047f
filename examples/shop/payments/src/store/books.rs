use std::collections::BTreeMap;

use serde::Serialize;
use shop_kit::db::Tx;

use super::Store;
use crate::domain::{Payment, Status, Terms, Verb, ledger};

impl Store {
    /// Books what the network has done, in the transaction that says so.
    pub(super) async fn book(
        &self,
        tx: &mut Tx,
        verb: Verb,
        payment: &Payment,
        terms: &Terms,
    ) -> Result<(), sqlx::Error> {
        let is_booked = match (verb, payment.status) {
            (Verb::Authorize, Status::Authorized) => true,
            (Verb::Capture | Verb::Refund, _) => true,
            // Only what was promised is taken back: the void may have come first.
            (Verb::Void, Status::Voided) => is_authorized(tx, payment).await?,
            (Verb::Authorize | Verb::Void, _) => false,
        };
        if !is_booked {
            return Ok(());
        }
        for transfer in ledger::book(verb, terms) {
            sqlx::query(
                "INSERT INTO transfers (payment_id, verb, debit, credit, currency, amount, booked_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(payment.id.to_string())
            .bind(verb.as_str())
            .bind(transfer.debit)
            .bind(transfer.credit)
            .bind(transfer.amount.currency.to_string())
            .bind(transfer.amount.minor)
            .bind(self.db.now())
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }

    /// The trial balance: what is on each account, and that it adds up.
    pub(crate) async fn ledger(&self) -> Result<Ledger, sqlx::Error> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT account, currency,
                    CAST(SUM(CASE WHEN amount > 0 THEN amount ELSE 0 END) AS BIGINT),
                    CAST(SUM(CASE WHEN amount < 0 THEN -amount ELSE 0 END) AS BIGINT)
             FROM entries GROUP BY account, currency ORDER BY account, currency",
        )
        .fetch_all(self.db.pool())
        .await?;
        let mut totals: BTreeMap<String, Total> = BTreeMap::new();
        let mut accounts = Vec::with_capacity(rows.len());
        for (account, currency, debits, credits) in rows {
            let total = totals.entry(currency.clone()).or_insert_with(|| Total {
                currency: currency.clone(),
                debits: 0,
                credits: 0,
            });
            total.debits += debits;
            total.credits += credits;
            accounts.push(Balance {
                account,
                currency,
                debits,
                credits,
                balance: debits - credits,
            });
        }
        Ok(Ledger {
            accounts,
            totals: totals.into_values().collect(),
        })
    }
}

async fn is_authorized(tx: &mut Tx, payment: &Payment) -> Result<bool, sqlx::Error> {
    let found: Option<(i64,)> =
        sqlx::query_as("SELECT position FROM transfers WHERE payment_id = $1 AND verb = $2")
            .bind(payment.id.to_string())
            .bind(Verb::Authorize.as_str())
            .fetch_optional(&mut **tx)
            .await?;
    Ok(found.is_some())
}

/// The trial balance, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Ledger {
    pub(crate) accounts: Vec<Balance>,
    /// For each currency; debits and credits are the same.
    pub(crate) totals: Vec<Total>,
}

/// One account in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Balance {
    pub(crate) account: String,
    pub(crate) currency: String,
    pub(crate) debits: i64,
    pub(crate) credits: i64,
    /// Debits minus credits.
    pub(crate) balance: i64,
}

/// All accounts of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Total {
    pub(crate) currency: String,
    pub(crate) debits: i64,
    pub(crate) credits: i64,
}

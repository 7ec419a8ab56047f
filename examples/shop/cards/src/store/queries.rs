use http::StatusCode;
use serde::Serialize;
use shop_kit::{
    db::{Db, Tx},
    ids::PaymentId,
    page::Page,
    problem::Problem,
};
use tower_keep_durable::{Event, Outbox};

use super::{
    money::{hold, move_money},
    rows::{PAGE, Row, SELECT, authorization, read},
};
use crate::{
    demo_data,
    domain::{Authorization, Authorize, Card, Status, Verb},
};

#[derive(Debug, Clone)]
pub(crate) struct Store {
    db: Db,
    webhooks: Outbox,
}

impl Store {
    pub(crate) fn new(db: Db) -> Self {
        let webhooks = Outbox::new(db.clone());
        Self { db, webhooks }
    }

    /// Where the webhooks wait that were not sent yet.
    pub(crate) fn webhooks(&self) -> &Outbox {
        &self.webhooks
    }

    /// Adds the demo's cards that are missing.
    pub(crate) async fn seed_demo(&self) -> Result<(), sqlx::Error> {
        self.seed(&demo_data::cards()).await
    }

    /// Adds the cards that are missing.
    pub(super) async fn seed(&self, cards: &[(&str, Card)]) -> Result<(), sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        for (id, card) in cards {
            sqlx::query(
                "INSERT INTO cards (id, currency, blocked, seeded, balance, held, taken)
                 VALUES ($1, $2, $3, $4, $4, 0, 0) ON CONFLICT DO NOTHING",
            )
            .bind(*id)
            .bind(card.balance.currency.to_string())
            .bind(i64::from(card.blocked))
            .bind(card.balance.minor)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    }

    /// Holds the money, or records why not. The id is the key: a repeat finds what there is.
    pub(crate) async fn authorize(&self, request: &Authorize) -> Result<Authorization, Problem> {
        let mut tx = self.db.begin_write().await?;
        // The insert comes first: on PostgreSQL it waits for another of this id to commit.
        let inserted = sqlx::query(
            "INSERT INTO authorizations (id, status, card, amount, currency)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(request.id.to_string())
        .bind(Status::Authorized.as_str())
        .bind(&request.card)
        .bind(request.amount.minor)
        .bind(request.amount.currency.to_string())
        .execute(&mut *tx)
        .await?;
        if inserted.rows_affected() == 0 {
            return same(request, read(&mut tx, request.id).await?);
        }
        let authorization = match hold(&mut tx, request).await? {
            Ok(()) => read(&mut tx, request.id).await?,
            Err(decline) => {
                sqlx::query(
                    "UPDATE authorizations SET status = $1, decline_code = $2, decline_detail = $3
                     WHERE id = $4",
                )
                .bind(Status::Declined.as_str())
                .bind(decline.code)
                .bind(decline.detail)
                .bind(request.id.to_string())
                .execute(&mut *tx)
                .await?;
                read(&mut tx, request.id).await?
            }
        };
        let authorization = authorization.ok_or(sqlx::Error::RowNotFound)?;
        self.tell(&mut tx, &authorization).await?;
        self.webhooks.commit(tx).await?;
        Ok(authorization)
    }

    /// Moves an authorization on. A void of one that never came leaves a tombstone.
    pub(crate) async fn apply(&self, verb: Verb, id: PaymentId) -> Result<Authorization, Problem> {
        let mut tx = self.db.begin_write().await?;
        if verb == Verb::Void {
            let inserted = sqlx::query(
                "INSERT INTO authorizations (id, status) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(id.to_string())
            .bind(Status::Voided.as_str())
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 1 {
                let tombstone = read(&mut tx, id).await?.ok_or(sqlx::Error::RowNotFound)?;
                self.tell(&mut tx, &tombstone).await?;
                self.webhooks.commit(tx).await?;
                return Ok(tombstone);
            }
        }
        loop {
            let missing = || Problem::not_found("authorization", id);
            let found = read(&mut tx, id).await?.ok_or_else(missing)?;
            let to = match verb.on(found.status) {
                Ok(Some(to)) => to,
                Ok(None) => return Ok(found),
                Err(why) => {
                    let kind = format!("authorization-{}", found.status.as_str());
                    return Err(found.refusal(StatusCode::CONFLICT, &kind, why));
                }
            };
            let changed =
                sqlx::query("UPDATE authorizations SET status = $1 WHERE id = $2 AND status = $3")
                    .bind(to.as_str())
                    .bind(id.to_string())
                    .bind(found.status.as_str())
                    .execute(&mut *tx)
                    .await?;
            // On PostgreSQL another may have come between; then it is looked at again.
            if changed.rows_affected() == 0 {
                continue;
            }
            move_money(&mut tx, &found, Status::moves(Some(found.status), to)).await?;
            let moved = Authorization {
                status: to,
                ..found
            };
            self.tell(&mut tx, &moved).await?;
            self.webhooks.commit(tx).await?;
            return Ok(moved);
        }
    }

    pub(crate) async fn find(&self, id: PaymentId) -> Result<Option<Authorization>, sqlx::Error> {
        let row: Option<Row> = sqlx::query_as(SELECT)
            .bind(id.to_string())
            .fetch_optional(self.db.pool())
            .await?;
        row.map(authorization).transpose()
    }

    /// Those after the page's start, by their ids.
    pub(crate) async fn list(&self, page: &Page) -> Result<Vec<Authorization>, sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(PAGE)
            .bind(&page.after)
            .bind(page.limit)
            .fetch_all(self.db.pool())
            .await?;
        rows.into_iter().map(authorization).collect()
    }

    /// Every card with its money: the books, for whoever checks them.
    pub(crate) async fn cards(&self) -> Result<Vec<CardView>, sqlx::Error> {
        let rows: Vec<(String, String, i64, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT c.id, c.currency, c.seeded, c.balance, c.held, c.taken,
                    CAST(COUNT(a.id) AS BIGINT)
             FROM cards c LEFT JOIN authorizations a ON a.card = c.id AND a.status = $1
             GROUP BY c.id, c.currency, c.seeded, c.balance, c.held, c.taken ORDER BY c.id",
        )
        .bind(Status::Captured.as_str())
        .fetch_all(self.db.pool())
        .await?;
        let view = |(id, currency, seeded, balance, held, taken, captured)| CardView {
            id,
            currency,
            seeded,
            balance,
            held,
            taken,
            captured,
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Writes the webhook of a change into its transaction.
    async fn tell(&self, tx: &mut Tx, authorization: &Authorization) -> Result<(), sqlx::Error> {
        let id = authorization.id.to_string();
        let kind = format!("cards.authorization.{}.v1", authorization.status.as_str());
        let event = Event::new("/cards", kind, authorization)
            .about(id.clone())
            .keyed(id);
        self.webhooks.append(tx, &event).await
    }
}

/// One card in the books, in minor units: `balance + held + taken = seeded`, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CardView {
    pub(crate) id: String,
    pub(crate) currency: String,
    /// What the card was opened with.
    pub(crate) seeded: i64,
    /// What is free.
    pub(crate) balance: i64,
    /// What authorizations hold.
    pub(crate) held: i64,
    /// What was captured and not refunded.
    pub(crate) taken: i64,
    /// How many such authorizations there are.
    pub(crate) captured: i64,
}

/// The answer to a repeat, if it is one.
fn same(request: &Authorize, found: Option<Authorization>) -> Result<Authorization, Problem> {
    let found = found.ok_or(sqlx::Error::RowNotFound)?;
    let is_tombstone = found.card.is_none();
    if is_tombstone
        || (found.card.as_ref(), found.amount) == (Some(&request.card), Some(request.amount))
    {
        return Ok(found);
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        "authorization-exists",
        "this id was used for another card or amount",
    )
    .field("id")
    .remedy("send a fresh id with each new authorization"))
}

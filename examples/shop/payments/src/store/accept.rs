use shop_kit::{
    idempotency::{Answer, Begun, KeyError, Keyed, Ticket},
    problem::Problem,
};

use super::{Store, row};
use crate::domain::{Authorize, Refusal, Status};

/// What became of a request for a payment.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// Its intent is committed, and nobody has called the network for it.
    Fresh(Ticket),
    /// Its intent was there, and the network may have been called.
    Again(Ticket),
    /// It was answered before.
    Answered(Answer),
}

impl Store {
    /// Commits the intent under its key, or the reason why there will be none.
    pub(crate) async fn accept(
        &self,
        keyed: &Keyed,
        request: &Authorize,
    ) -> Result<Accepted, Problem> {
        let mut tx = self.db.begin_write().await?;
        // Without a lease: the key keeps nobody out, since whoever comes finds the intent and asks.
        let ticket = match self.keys.begin(&mut tx, keyed).await? {
            Begun::Fresh(ticket) => ticket,
            Begun::Abandoned(ticket, _) => {
                tx.commit().await?;
                return Ok(Accepted::Again(ticket));
            }
            Begun::Answered(answer) => return Ok(Accepted::Answered(answer.into())),
        };
        let inserted = sqlx::query(
            "INSERT INTO payments (id, status, order_id, account, amount, currency, due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(request.id.to_string())
        .bind(Status::Authorizing.as_str())
        .bind(request.order.to_string())
        .bind(&request.account)
        .bind(request.amount.minor)
        .bind(request.amount.currency.to_string())
        .bind(self.due_at())
        .execute(&mut *tx)
        .await?;
        if inserted.rows_affected() == 1 {
            tx.commit().await?;
            return Ok(Accepted::Fresh(ticket));
        }
        let refusal = match row::load(&mut tx, request.id).await? {
            None => Refusal::SecondPayment,
            Some(found) if found.terms.is_none() => Refusal::Voided,
            Some(_) => Refusal::Exists,
        };
        let answer = Answer::from(Problem::from(refusal));
        self.keys.finish(&mut tx, &ticket, &answer).await?;
        tx.commit().await?;
        Ok(Accepted::Answered(answer))
    }

    /// Records the answer of a request; one that a repeat took over leaves that to the repeat, whose
    /// answer says the same.
    pub(crate) async fn answer(&self, ticket: &Ticket, answer: &Answer) -> Result<(), KeyError> {
        let mut tx = self.db.begin_write().await?;
        match self.keys.finish(&mut tx, ticket, answer).await {
            Err(KeyError::TakenOver) => Ok(()),
            other => {
                other?;
                Ok(tx.commit().await?)
            }
        }
    }
}

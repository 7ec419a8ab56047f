use shop_kit::{db::Tx, ids::PaymentId};

use super::{Store, row};
use crate::domain::{Move, Payment, Refusal, Status, Verb};

/// What follows when something is wanted of a payment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// It is done.
    Done(Payment),
    /// The intent is committed: the network is to be called.
    Begun(Payment),
    /// An intent was there before: the network is to be asked.
    UnderWay(Payment),
    /// It cannot be done.
    Refused(Refusal),
}

impl Store {
    /// Commits the intent to do it, unless it is done or cannot be. A void or a refund of a payment
    /// that never came leaves a tombstone, so that a request that is still under way does nothing.
    pub(crate) async fn want(&self, verb: Verb, id: PaymentId) -> Result<Wanted, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let wanted = want_within(&mut tx, verb, id, self.due_at()).await?;
        tx.commit().await?;
        Ok(wanted)
    }
}

/// [`Store::want`] in this transaction; the reconciler comes to the intent at `due_at`.
pub(super) async fn want_within(
    tx: &mut Tx,
    verb: Verb,
    id: PaymentId,
    due_at: i64,
) -> Result<Wanted, sqlx::Error> {
    if matches!(verb, Verb::Void | Verb::Refund) {
        // The insert comes first: on PostgreSQL it waits for a request of this id to commit.
        sqlx::query("INSERT INTO payments (id, status) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id.to_string())
            .bind(Status::Voided.as_str())
            .execute(&mut **tx)
            .await?;
    }
    loop {
        let Some(payment) = row::load(tx, id).await? else {
            return Ok(Wanted::Refused(Refusal::Unknown(id)));
        };
        let to = match verb.on(payment.status) {
            Move::To(to) => to,
            Move::Done => return Ok(Wanted::Done(payment)),
            Move::Settle => return Ok(Wanted::UnderWay(payment)),
            Move::Refuse(refusal) => return Ok(Wanted::Refused(refusal)),
        };
        let moved = sqlx::query(
            "UPDATE payments SET status = $1, attempts = 0, due_at = $2, wish = NULL
             WHERE id = $3 AND status = $4",
        )
        .bind(to.as_str())
        .bind(due_at)
        .bind(id.to_string())
        .bind(payment.status.as_str())
        .execute(&mut **tx)
        .await?;
        // On PostgreSQL another may have come between; then it is looked at again.
        if moved.rows_affected() == 1 {
            return Ok(Wanted::Begun(Payment {
                status: to,
                ..payment
            }));
        }
    }
}

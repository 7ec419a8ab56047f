use shop_kit::{db::Tx, ids::PaymentId};

use super::{
    Store,
    want::{Wanted, want_within},
};
use crate::domain::{Payment, Verb};

impl Store {
    /// Wants it of a payment in the transaction of an event: the intent is due at once, and the
    /// network is asked after the commit. What has to wait for the end of something else is noted, and
    /// becomes an intent in the transaction in which that ends.
    pub(super) async fn wish(
        &self,
        tx: &mut Tx,
        verb: Verb,
        id: PaymentId,
    ) -> Result<Wanted, sqlx::Error> {
        loop {
            let wanted = want_within(tx, verb, id, self.db.now()).await?;
            let Wanted::UnderWay(payment) = &wanted else {
                return Ok(wanted);
            };
            if note(tx, verb, payment).await? {
                return Ok(wanted);
            }
        }
    }

    /// What was wished for becomes an intent, if it still can.
    pub(super) async fn grant(
        &self,
        tx: &mut Tx,
        wish: &str,
        id: PaymentId,
    ) -> Result<(), sqlx::Error> {
        if let Some(verb) = Verb::named(wish) {
            want_within(tx, verb, id, self.db.now()).await?;
        }
        // Done already, or out of the question: then nobody is to come back to it.
        sqlx::query("UPDATE payments SET wish = NULL WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut **tx)
            .await
            .map(drop)
    }
}

/// Notes what is wanted next; false if what was under way has ended meanwhile. An undo is never
/// replaced by something else.
async fn note(tx: &mut Tx, verb: Verb, payment: &Payment) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "UPDATE payments SET wish = CASE WHEN wish = $1 THEN wish ELSE $2 END
         WHERE id = $3 AND status = $4",
    )
    .bind(Verb::Refund.as_str())
    .bind(verb.as_str())
    .bind(payment.id.to_string())
    .bind(payment.status.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(noted.rows_affected() == 1)
}

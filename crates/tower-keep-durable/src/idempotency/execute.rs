use super::{Answer, Begun, KeyError, Keyed, Keys};
use crate::Tx;

impl Keys {
    /// Does the work once, and answers the same each time: [`begin`](Self::begin), the work and
    /// [`finish`](Self::finish) in the caller's transaction.
    ///
    /// What the work wrote before it answered with a rejection is taken back, so that a rejection
    /// never has an effect; the rejection itself is recorded. An `Err` of the work is for what is
    /// neither done nor refused, such as a database that fails: roll back then, and nothing is
    /// remembered.
    ///
    /// ```
    /// # use tower_keep_durable::{Tx, idempotency::{Answer, Key, KeyError, Keys}};
    /// # async fn hold(keys: &Keys, tx: &mut Tx) -> Result<(), KeyError> {
    /// let request = Key::new("inventory.hold", "order-7:hold").asks(&("tea", 3));
    /// let answer = keys
    ///     .idempotent::<KeyError>(tx, &request, async |tx| {
    ///         let held = sqlx::query("UPDATE stock SET held = held + 3 WHERE free - held >= 3")
    ///             .execute(&mut **tx)
    ///             .await?;
    ///         Ok(match held.rows_affected() {
    ///             0 => Answer::json(409, &"sold out"),
    ///             _ => Answer::json(201, &"held"),
    ///         })
    ///     })
    ///     .await?;
    /// # let _ = answer; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of `begin` and of the work.
    pub async fn idempotent<E: From<KeyError>>(
        &self,
        tx: &mut Tx,
        keyed: &Keyed,
        work: impl AsyncFnOnce(&mut Tx) -> Result<Answer, E>,
    ) -> Result<Answer, E> {
        let ticket = match self.begin(tx, keyed).await? {
            Begun::Answered(answer) => return Ok(answer),
            // Begun and committed without an end, by someone who does not use this function.
            Begun::Fresh(ticket) | Begun::Abandoned(ticket, _) => ticket,
        };
        say(tx, "SAVEPOINT keep_effect").await?;
        let answer = work(tx).await?;
        if answer.is_rejection() {
            say(tx, "ROLLBACK TO SAVEPOINT keep_effect").await?;
        }
        say(tx, "RELEASE SAVEPOINT keep_effect").await?;
        self.finish(tx, &ticket, &answer).await?;
        Ok(answer)
    }
}

async fn say(tx: &mut Tx, statement: &'static str) -> Result<(), KeyError> {
    sqlx::query(statement).execute(&mut **tx).await?;
    Ok(())
}

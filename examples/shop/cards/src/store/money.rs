use shop_kit::db::{Tx, money};

use crate::domain::{Authorization, Authorize, Card, Decline, Status};

/// Holds the money on the card, or says why not.
pub(super) async fn hold(
    tx: &mut Tx,
    request: &Authorize,
) -> Result<Result<(), Decline>, sqlx::Error> {
    let amount = request.amount;
    // On PostgreSQL another authorization may come between the look and the update, so it is looked
    // at again until both agree.
    loop {
        let row: Option<(i64, String, i64)> =
            sqlx::query_as("SELECT balance, currency, blocked FROM cards WHERE id = $1")
                .bind(&request.card)
                .fetch_optional(&mut **tx)
                .await?;
        let card = row
            .map(|(balance, currency, blocked)| {
                Ok::<_, sqlx::Error>(Card {
                    balance: money(balance, &currency)?,
                    blocked: blocked != 0,
                })
            })
            .transpose()?;
        if let Err(decline) = request.decide(card.as_ref()) {
            return Ok(Err(decline));
        }
        let [free, held, _] = Status::moves(None, Status::Authorized);
        let changed = sqlx::query(
            "UPDATE cards SET balance = balance + $1, held = held + $2
             WHERE id = $3 AND blocked = 0 AND balance >= $2",
        )
        .bind(free * amount.minor)
        .bind(held * amount.minor)
        .bind(&request.card)
        .execute(&mut **tx)
        .await?;
        if changed.rows_affected() == 1 {
            return Ok(Ok(()));
        }
    }
}

/// Moves the money of an authorization between what is free, held and taken.
pub(super) async fn move_money(
    tx: &mut Tx,
    authorization: &Authorization,
    [free, held, taken]: [i64; 3],
) -> Result<(), sqlx::Error> {
    let amount = authorization.amount.map_or(0, |amount| amount.minor);
    sqlx::query(
        "UPDATE cards SET balance = balance + $1, held = held + $2, taken = taken + $3
         WHERE id = $4",
    )
    .bind(free * amount)
    .bind(held * amount)
    .bind(taken * amount)
    .bind(&authorization.card)
    .execute(&mut **tx)
    .await
    .map(drop)
}

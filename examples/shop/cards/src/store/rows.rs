use shop_kit::{
    db::{Tx, decode, money},
    ids::PaymentId,
};

use crate::domain::{Authorization, Decline, Status};

pub(super) const SELECT: &str =
    "SELECT id, status, card, amount, currency, decline_code, decline_detail
     FROM authorizations WHERE id = $1";

pub(super) const PAGE: &str =
    "SELECT id, status, card, amount, currency, decline_code, decline_detail
     FROM authorizations WHERE id > $1 ORDER BY id LIMIT $2";

pub(super) async fn read(tx: &mut Tx, id: PaymentId) -> Result<Option<Authorization>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(SELECT)
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    row.map(authorization).transpose()
}

pub(super) type Row = (
    String,
    String,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
);

pub(super) fn authorization(
    (id, status, card, amount, currency, code, detail): Row,
) -> Result<Authorization, sqlx::Error> {
    Ok(Authorization {
        id: id.parse().map_err(decode)?,
        status: Status::named(&status).ok_or_else(|| decode(format!("no status {status}")))?,
        card,
        amount: amount
            .zip(currency)
            .map(|(minor, currency)| money(minor, &currency))
            .transpose()?,
        decline: code
            .zip(detail)
            .map(|(code, detail)| Decline { code, detail }),
    })
}

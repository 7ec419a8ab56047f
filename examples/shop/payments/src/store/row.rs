use shop_kit::{
    db::{Tx, decode, money},
    flow::Flow,
    ids::PaymentId,
};

use crate::domain::{Decline, Payment, Status, Terms};

pub(super) const BY_ID: &str =
    "SELECT id, status, order_id, account, amount, currency, decline_code, decline_detail,
        flow, correlation
     FROM payments WHERE id = $1";

pub(super) const BY_ORDER: &str =
    "SELECT id, status, order_id, account, amount, currency, decline_code, decline_detail,
        flow, correlation
     FROM payments WHERE order_id = $1";

pub(super) const PAGE: &str =
    "SELECT id, status, order_id, account, amount, currency, decline_code, decline_detail,
        flow, correlation
     FROM payments WHERE id > $1 ORDER BY id LIMIT $2";

/// The columns that [`payment`] reads.
pub(super) type Row = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// The payment of this id, if there is one.
pub(super) async fn load(tx: &mut Tx, id: PaymentId) -> Result<Option<Payment>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(BY_ID)
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    row.map(payment).transpose()
}

pub(super) fn payment(
    (id, status, order, account, amount, currency, code, detail, flow, correlation): Row,
) -> Result<Payment, sqlx::Error> {
    let terms = match (order, account, amount, currency) {
        (Some(order), Some(account), Some(minor), Some(currency)) => Some(Terms {
            order: order.parse().map_err(decode)?,
            account,
            amount: money(minor, &currency)?,
        }),
        _ => None,
    };
    Ok(Payment {
        id: id.parse().map_err(decode)?,
        status: Status::named(&status).ok_or_else(|| decode(format!("no status {status}")))?,
        terms,
        decline: code
            .zip(detail)
            .map(|(code, detail)| Decline { code, detail }),
        flow: flow.and_then(|flow| Flow::named(&flow)).unwrap_or_default(),
        correlation,
    })
}

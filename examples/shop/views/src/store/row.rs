use shop_kit::db::{decode, money};
use sqlx::{FromRow, Row, any::AnyRow};

use crate::domain::{OrderView, Status};

impl FromRow<'_, AnyRow> for OrderView {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let (id, status): (String, String) = (row.try_get("id")?, row.try_get("status")?);
        let before: Option<String> = row.try_get("before_cancel")?;
        let before = before.map(|before| before.parse::<Status>());
        let (minor, currency): (Option<i64>, Option<String>) =
            (row.try_get("total")?, row.try_get("currency")?);
        Ok(Self {
            id: id.parse().map_err(decode)?,
            customer: row.try_get("customer")?,
            status: status.parse::<Status>().map_err(decode)?,
            before: before.transpose().map_err(decode)?,
            total: match (minor, currency) {
                (Some(minor), Some(currency)) => Some(money(minor, &currency)?),
                _ => None,
            },
            payment: row.try_get("payment")?,
            shipment: row.try_get("shipment")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            version: row.try_get("version")?,
        })
    }
}

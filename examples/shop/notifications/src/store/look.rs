use serde::Serialize;

use super::Store;

/// What a customer was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Notification {
    pub(crate) order: String,
    pub(crate) kind: String,
    pub(crate) text: String,
    /// Microseconds since 1970.
    pub(crate) sent_at: i64,
}

impl Store {
    /// The latest first.
    pub(crate) async fn of_customer(
        &self,
        customer: &str,
        limit: i64,
    ) -> Result<Vec<Notification>, sqlx::Error> {
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT order_id, kind, text, sent_at FROM notifications
             WHERE customer = $1 AND sent_at IS NOT NULL
             ORDER BY sent_at DESC, order_id DESC, kind LIMIT $2",
        )
        .bind(customer)
        .bind(limit)
        .fetch_all(self.db.pool())
        .await?;
        let notification = |(order, kind, text, sent_at)| Notification {
            order,
            kind,
            text,
            sent_at,
        };
        Ok(rows.into_iter().map(notification).collect())
    }
}

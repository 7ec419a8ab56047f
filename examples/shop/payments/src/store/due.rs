use std::time::Duration;

use shop_kit::{db::micros, drills::crash_point, ids::PaymentId};

use super::{
    Store,
    row::{self, Row},
};
use crate::domain::Payment;

/// The first wait before the network is asked again, doubled each time, and the longest.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

impl Store {
    /// Takes the intents that nobody has brought to an end in time, at most `limit` and the oldest
    /// first. They are the caller's for the grace that any request has; then the next may take them.
    pub(crate) async fn take(&self, limit: usize) -> Result<Vec<Payment>, sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "UPDATE payments SET due_at = $1 WHERE due_at <= $2 AND id IN (
                SELECT id FROM payments WHERE due_at <= $2 ORDER BY due_at, id LIMIT $3)
             RETURNING id, status, order_id, account, amount, currency, decline_code,
                decline_detail, flow, correlation",
        )
        .bind(self.due_at())
        .bind(self.db.now())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.db.pool())
        .await?;
        if !rows.is_empty() {
            crash_point("after intents are taken");
        }
        rows.into_iter().map(row::payment).collect()
    }

    /// Not yet: later again, and less often the longer it takes.
    pub(crate) async fn postpone(&self, id: PaymentId) -> Result<(), sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let found: Option<(i64,)> = sqlx::query_as("SELECT attempts FROM payments WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        let attempts = found.map_or(0, |(attempts,)| attempts);
        let [first, longest] = AGAIN;
        let doubled = 1_u32 << u32::try_from(attempts).unwrap_or(u32::MAX).min(10);
        let wait = longest.min(first.saturating_mul(doubled));
        sqlx::query(
            "UPDATE payments SET attempts = $1, due_at = $2 WHERE id = $3 AND due_at IS NOT NULL",
        )
        .bind(attempts.saturating_add(1))
        .bind(self.db.now().saturating_add(micros(wait)))
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}

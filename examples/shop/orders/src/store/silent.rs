use std::time::Duration;

use shop_kit::{
    db::{decode, micros},
    ids::OrderId,
};
use tower_keep_durable::BoxError;

use super::Store;
use crate::domain::Order;

/// An order by choreography that should get on and does not.
#[derive(Debug, Clone)]
pub(crate) struct Silent {
    pub(crate) order: Order,
    /// For how long nobody has told anything of it.
    pub(crate) silence: Duration,
    logged_at: i64,
    alarmed_at: i64,
}

type Row = (String, i64, i64);

impl Store {
    /// Orders that cannot be given up any more, of which nobody has told anything for at least so long
    /// and of which there was no alarm for as long; those that wait longest first.
    pub(crate) async fn silent(
        &self,
        silence: Duration,
        limit: i64,
    ) -> Result<Vec<Silent>, sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT body, logged_at, alarmed_at FROM orders
             WHERE flow = 'choreography' AND status IN ('confirmed', 'cancelling')
                 AND logged_at <= $1 AND alarmed_at <= $1
             ORDER BY logged_at LIMIT $2",
        )
        .bind(self.db.now().saturating_sub(micros(silence)))
        .bind(limit)
        .fetch_all(self.db.pool())
        .await?;
        rows.into_iter().map(|row| self.read_silent(row)).collect()
    }

    /// Orders of which there was an alarm since they last got on; those that wait longest first.
    pub(crate) async fn not_progressing(&self, limit: i64) -> Result<Vec<Silent>, sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT body, logged_at, alarmed_at FROM orders
             WHERE alarmed_at > 0 ORDER BY logged_at LIMIT $1",
        )
        .bind(limit)
        .fetch_all(self.db.pool())
        .await?;
        rows.into_iter().map(|row| self.read_silent(row)).collect()
    }

    /// Says of how many orders there is an alarm, and the worst of it, for the health page.
    pub(crate) async fn check_progress(&self) -> Result<(), BoxError> {
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM orders WHERE alarmed_at > 0")
            .fetch_one(self.db.pool())
            .await?;
        let Some(Silent { order, silence, .. }) = self.not_progressing(1).await?.pop() else {
            return Ok(());
        };
        let (id, whom) = (order.id, order.waits_for().join(" and "));
        Err(format!(
            "{count} orders are not progressing, somebody must look at them: {id} waits for {whom} \
             for {silence:.0?}"
        )
        .into())
    }

    /// When an order last got on, in microseconds since 1970, and whether there was an alarm since.
    pub(crate) async fn progress(&self, id: OrderId) -> Result<(i64, bool), sqlx::Error> {
        let (logged_at, alarmed_at): (i64, i64) =
            sqlx::query_as("SELECT logged_at, alarmed_at FROM orders WHERE id = $1")
                .bind(id.to_string())
                .fetch_one(self.db.pool())
                .await?;
        Ok((logged_at, alarmed_at > 0))
    }

    /// Notes that there is an alarm now; false if another process gives it, or somebody has told something.
    pub(crate) async fn alarm(&self, silent: &Silent) -> Result<bool, sqlx::Error> {
        let noted = sqlx::query(
            "UPDATE orders SET alarmed_at = $1 WHERE id = $2 AND alarmed_at = $3 AND logged_at = $4",
        )
        .bind(self.db.now())
        .bind(silent.order.id.to_string())
        .bind(silent.alarmed_at)
        .bind(silent.logged_at)
        .execute(self.db.pool())
        .await?;
        Ok(noted.rows_affected() == 1)
    }

    fn read_silent(&self, (body, logged_at, alarmed_at): Row) -> Result<Silent, sqlx::Error> {
        let silence = self.db.now().saturating_sub(logged_at);
        Ok(Silent {
            order: serde_json::from_str(&body).map_err(decode)?,
            silence: Duration::from_micros(u64::try_from(silence).unwrap_or_default()),
            logged_at,
            alarmed_at,
        })
    }
}

use std::time::Duration;

use shop_kit::{
    db::{decode, micros},
    ids::OrderId,
};

use super::{ChangeError, Store};
use crate::domain::Order;

impl Store {
    /// Orders by choreography that have been pending for at least so long, the oldest first.
    pub(crate) async fn overdue(
        &self,
        deadline: Duration,
        limit: i64,
    ) -> Result<Vec<OrderId>, sqlx::Error> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM orders
             WHERE flow = 'choreography' AND status = 'pending' AND created_at <= $1
             ORDER BY created_at LIMIT $2",
        )
        .bind(self.db.now().saturating_sub(micros(deadline)))
        .bind(limit)
        .fetch_all(self.db.pool())
        .await?;
        let ids = rows.into_iter().map(|(id,)| id.parse().map_err(decode));
        ids.collect()
    }

    /// Gives an order up, unless something has become of it; whether it did. Of two that do so at once
    /// one finds that it has been done.
    pub(crate) async fn expire(&self, id: OrderId) -> Result<bool, ChangeError> {
        let mut tx = self.db.begin_write().await?;
        match self.change(&mut tx, id, Order::expire).await {
            Ok(_) => {
                self.outbox.commit(tx).await?;
                Ok(true)
            }
            Err(ChangeError::NotNow(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

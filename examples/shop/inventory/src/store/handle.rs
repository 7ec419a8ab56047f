use shop_kit::{
    db::{Db, Tx},
    events::{Told, tell},
    idempotency::{self, Keys},
    ids::OrderId,
};
use tower_keep_durable::Outbox;

use super::row::{Row, reservation};
use crate::{NAME, demo_data, domain::Reservation};

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) db: Db,
    pub(super) keys: Keys,
    pub(super) outbox: Outbox,
}

impl Store {
    pub(crate) fn new(db: Db) -> Self {
        let keys = Keys::new(&db);
        let outbox = Outbox::new(db.clone());
        Self { db, keys, outbox }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// What others are still to be told.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Forgets old answers, and adds the demo's products when asked to.
    pub(crate) async fn start(&self, demo_data: bool) -> Result<(), sqlx::Error> {
        idempotency::forget_old(&self.db).await?;
        if demo_data {
            self.seed(&demo_data::products()).await?;
        }
        Ok(())
    }

    pub(crate) async fn of_order(
        &self,
        order: OrderId,
    ) -> Result<Option<Reservation>, sqlx::Error> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, order_id, status, total, currency FROM reservations WHERE order_id = $1",
        )
        .bind(order.to_string())
        .fetch_optional(self.db.pool())
        .await?;
        row.map(reservation).transpose()
    }

    /// Adds to the transaction what the others are to hear of it.
    pub(super) async fn tell(&self, tx: &mut Tx, told: &impl Told) -> Result<(), sqlx::Error> {
        self.outbox.append(tx, &tell(NAME, told)).await
    }
}

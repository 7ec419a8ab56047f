use std::{sync::Arc, time::Duration};

use shop_kit::{
    db::{Db, micros},
    idempotency::{self, Keys},
    ids::{OrderId, PaymentId},
    page::Page,
};
use tokio::sync::Notify;
use tower_keep_durable::Outbox;

use super::row::{self, Row};
use crate::domain::Payment;

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) db: Db,
    pub(super) keys: Keys,
    pub(super) outbox: Outbox,
    /// How long whoever began something has before the reconciler asks.
    grace: Duration,
    /// Tells the reconciler of this process that it need not wait.
    wanted: Arc<Notify>,
}

impl Store {
    pub(crate) fn new(db: Db, grace: Duration) -> Self {
        Self {
            keys: Keys::new(&db),
            outbox: Outbox::new(db.clone()),
            db,
            grace,
            wanted: Arc::default(),
        }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Something was committed that the network is to be asked for at once.
    pub(crate) fn wake(&self) {
        self.wanted.notify_one();
    }

    /// Waits for [`Store::wake`].
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// What others are still to be told.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Forgets old answers and old webhooks.
    pub(crate) async fn start(&self) -> Result<(), sqlx::Error> {
        idempotency::forget_old(&self.db).await?;
        self.forget_webhooks().await
    }

    pub(crate) async fn load(&self, id: PaymentId) -> Result<Option<Payment>, sqlx::Error> {
        let row: Option<Row> = sqlx::query_as(row::BY_ID)
            .bind(id.to_string())
            .fetch_optional(self.db.pool())
            .await?;
        row.map(row::payment).transpose()
    }

    pub(crate) async fn of_order(&self, order: OrderId) -> Result<Option<Payment>, sqlx::Error> {
        let row: Option<Row> = sqlx::query_as(row::BY_ORDER)
            .bind(order.to_string())
            .fetch_optional(self.db.pool())
            .await?;
        row.map(row::payment).transpose()
    }

    /// Those after the page's start, by their ids.
    pub(crate) async fn list(&self, page: &Page) -> Result<Vec<Payment>, sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(row::PAGE)
            .bind(&page.after)
            .bind(page.limit)
            .fetch_all(self.db.pool())
            .await?;
        rows.into_iter().map(row::payment).collect()
    }

    /// When somebody has to ask what became of an intent of now.
    pub(super) fn due_at(&self) -> i64 {
        self.db.now().saturating_add(micros(self.grace))
    }
}

use shop_kit::{db::Tx, ids::OrderId};
use tower_keep_durable::{
    Event,
    event::InvalidEvent,
    event_store::{DecideError, Decided, StoreError},
};

use super::Store;
use crate::{
    NAME,
    domain::{NotNow, Order, Story},
};

/// Why an order did not change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// There is none of this id.
    #[error("there is no order {0}")]
    Missing(OrderId),
    /// It is in a state in which that cannot be.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// What was told of it is not what it should be.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
    /// Its events cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database fails.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Store {
    /// Lets an order decide, and keeps what follows from it: its events, the order as it is then, and
    /// what others are told. Answers the order and the version of its last event.
    pub(crate) async fn change(
        &self,
        tx: &mut Tx,
        id: OrderId,
        decide: impl Fn(&Order) -> Result<Vec<Event>, NotNow>,
    ) -> Result<(Order, i64), ChangeError> {
        let decided = self
            .decide(tx, id, |story: &Story| match &story.order {
                Some(order) => decide(order).map_err(ChangeError::from),
                None => Err(ChangeError::Missing(id)),
            })
            .await?;
        let order = decided.state.order.ok_or(ChangeError::Missing(id))?;
        Ok((order, decided.version))
    }

    pub(super) async fn decide(
        &self,
        tx: &mut Tx,
        id: OrderId,
        decide: impl FnMut(&Story) -> Result<Vec<Event>, ChangeError>,
    ) -> Result<Decided<Story>, ChangeError> {
        let decided = self
            .stories
            .decide(tx, &format!("order/{id}"), decide)
            .await
            .map_err(|error| match error {
                DecideError::Refused(error) => error,
                DecideError::Store(error) => error.into(),
            })?;
        // What others told is part of its story, and theirs to tell.
        let own = decided.events.iter().filter(|event| is_own(event));
        for event in own {
            self.outbox.append(tx, event).await?;
        }
        if let (Some(order), false) = (&decided.state.order, decided.events.is_empty()) {
            self.show(tx, order, decided.version).await?;
        }
        Ok(decided)
    }

    /// Brings the row of the order up to its events.
    async fn show(&self, tx: &mut Tx, order: &Order, version: i64) -> Result<(), sqlx::Error> {
        let body = serde_json::to_string(order).expect("an order is plain data");
        sqlx::query(
            "INSERT INTO orders (id, customer, status, body, version, created_at, flow, logged_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $6)
             ON CONFLICT (id) DO UPDATE SET status = $3, body = $4, version = $5, logged_at = $6,
                alarmed_at = 0",
        )
        .bind(order.id.to_string())
        .bind(&order.customer)
        .bind(order.status.as_str())
        .bind(body)
        .bind(version)
        .bind(self.db.now())
        .bind(order.flow.as_str())
        .execute(&mut **tx)
        .await
        .map(drop)
    }
}

fn is_own(event: &Event) -> bool {
    event.source().strip_prefix("/shop/") == Some(NAME)
}

use shop_kit::{flow::Flow, ids::OrderId, problem::Problem};
use tower_keep_durable::saga::Saga;

use super::{ChangeError, Store};
use crate::{
    domain::{Order, Status},
    sagas::{CancelOrder, Cancelling},
};

impl Store {
    /// Notes that the customer wants it undone, and starts the saga that does it; answers that saga.
    /// None if there is none: an order that is not confirmed undoes itself, and one that is being
    /// undone, or was, needs no other. By choreography the wish is told, and that is all.
    pub(crate) async fn cancel(
        &self,
        saga: &CancelOrder,
        id: OrderId,
    ) -> Result<Option<String>, Problem> {
        let mut tx = self.db.begin_write().await?;
        let changed = self.change(&mut tx, id, Order::request_cancel).await;
        let (order, version) = changed.map_err(|error| match error {
            ChangeError::Missing(id) => Problem::not_found("order", id),
            ChangeError::NotNow(error) => Problem::new(
                http::StatusCode::CONFLICT,
                "order-rejected",
                format!("{error}, so there is nothing to cancel"),
            ),
            error => Problem::internal(&error),
        })?;
        let started = match (order.flow, order.before) {
            (Flow::Orchestration, Some(Status::Confirmed | Status::Completed)) => {
                // Named by the wish: a later one, after this was refused, is another saga.
                let name = format!("{}:{id}:{version}", CancelOrder::NAME);
                let started = self
                    .sagas
                    .start_as(&mut tx, &name, saga, &Cancelling { order: id })
                    .await
                    .map_err(|error| Problem::internal(&error))?;
                started.then_some(name)
            }
            _ => None,
        };
        self.outbox.commit(tx).await?;
        self.sagas.wake();
        Ok(started)
    }
}

use std::time::Duration;

use shop_kit::{ids::OrderId, problem::Problem};
use tokio::time::{Instant, sleep};

use super::Store;
use crate::domain::Order;

/// The first look, and the longest wait between two.
const LOOKS: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(40)];

impl Store {
    /// Waits until the order has an answer, or its saga has to wait for somebody else, or the
    /// customer has waited long enough. Whatever happens here, the saga goes on.
    pub(crate) async fn wait(&self, id: OrderId, saga: &str) -> Result<Order, Problem> {
        let began = Instant::now();
        let [mut pause, longest] = LOOKS;
        loop {
            let order = self.load(id).await?;
            let order = order.ok_or_else(|| Problem::not_found("order", id))?;
            if order.status.is_answer()
                || began.elapsed() > self.patience
                || self.rests(saga).await?
            {
                return Ok(order);
            }
            sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    }

    /// Whether a saga is not worked on before some later time.
    async fn rests(&self, saga: &str) -> Result<bool, Problem> {
        let found = self.sagas.get(saga).await;
        let found = found.map_err(|error| Problem::internal(&error))?;
        Ok(found.is_some_and(|saga| saga.lease_until == 0 && saga.next_at > self.db.now()))
    }
}

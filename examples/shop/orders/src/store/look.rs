use serde_json::{Value, json};
use shop_kit::{db::decode, ids::OrderId, page::Page, problem::Problem};

use super::Store;
use crate::domain::Order;

impl Store {
    pub(crate) async fn load(&self, id: OrderId) -> Result<Option<Order>, sqlx::Error> {
        let row: Option<(String,)> = sqlx::query_as("SELECT body FROM orders WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(self.db.pool())
            .await?;
        row.map(read).transpose()
    }

    /// The newest orders of a customer.
    pub(crate) async fn of_customer(
        &self,
        customer: &str,
        limit: i64,
    ) -> Result<Vec<Order>, sqlx::Error> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT body FROM orders WHERE customer = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        )
        .bind(customer)
        .bind(limit)
        .fetch_all(self.db.pool())
        .await?;
        rows.into_iter().map(read).collect()
    }

    /// Those after the page's start, by their ids.
    pub(crate) async fn list(&self, page: &Page) -> Result<Vec<Order>, sqlx::Error> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT body FROM orders WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(&page.after)
                .bind(page.limit)
                .fetch_all(self.db.pool())
                .await?;
        rows.into_iter().map(read).collect()
    }

    /// All events of an order, the oldest first.
    pub(crate) async fn events(&self, id: OrderId) -> Result<Vec<Value>, Problem> {
        let mut connection = self.db.pool().acquire().await?;
        let recorded = self
            .log
            .load(&mut connection, &format!("order/{id}"), 0, MOST_EVENTS)
            .await
            .map_err(|error| Problem::internal(&error))?;
        let events = recorded.iter().map(|recorded| recorded.event.to_json());
        let read = |event: String| serde_json::from_str(&event).map_err(decode);
        Ok(events.map(read).collect::<Result<_, _>>()?)
    }

    /// Where a saga is, and its log.
    pub(crate) async fn saga(&self, id: &str) -> Result<Option<Value>, Problem> {
        let internal = |error| Problem::internal(&error);
        let Some(saga) = self.sagas.get(id).await.map_err(internal)? else {
            return Ok(None);
        };
        let lines = self.sagas.log(id).await.map_err(internal)?;
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| {
                json!({ "seq": line.seq, "event": line.event, "step": line.step,
                        "attempt": line.attempt, "status": line.status, "at": line.at })
            })
            .collect();
        Ok(Some(json!({
            "id": saga.id, "plan": saga.plan, "status": saga.status.as_str(), "step": saga.step,
            "attempt": saga.attempt, "error": saga.error, "next_at": saga.next_at, "log": lines,
        })))
    }
}

/// More than an order ever has.
const MOST_EVENTS: u32 = 1000;

fn read((body,): (String,)) -> Result<Order, sqlx::Error> {
    serde_json::from_str(&body).map_err(decode)
}

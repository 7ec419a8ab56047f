//! How an order finds its way through the services, and who takes part.
//!
//! By orchestration the order service asks one peer after the other. By choreography nobody asks:
//! each service acts on what the others tell. Every event on the way of such an order bears the mark
//! of its flow, so that both kinds of orders can be under way at once, each in its own way.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tower_keep_durable::{Db, Event, db::Schema};

/// The way of an order, from its creation to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// The order service calls the others, step by step. Events tell of it, and nobody acts on them.
    #[default]
    Orchestration,
    /// Each service acts on the events of the others; none calls another.
    Choreography,
}

/// The extension attribute that is the mark.
const MARK: &str = "flow";

impl Flow {
    /// The word for it, in events, rows and options.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orchestration => "orchestration",
            Self::Choreography => "choreography",
        }
    }

    /// The flow of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Orchestration, Self::Choreography]
            .into_iter()
            .find(|flow| flow.as_str() == name)
    }

    /// Whether it is the one that everybody knew before there were two; to leave it out of JSON.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The event with the mark of this flow; without one where the order service asks.
    #[must_use]
    pub fn mark(self, event: Event) -> Event {
        match self {
            Self::Orchestration => event,
            Self::Choreography => event.with(MARK, self.as_str()),
        }
    }

    /// The flow whose mark the event bears. A mark that is not known here is that of a later version,
    /// and nobody here is meant to act on it: it counts as none.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let mark = event.extension(MARK).and_then(|mark| mark.as_str());
        mark.and_then(Self::named).unwrap_or_default()
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The table that [`takes_part`] keeps: one row once this service has taken part.
pub const SCHEMA: Schema = Schema::new(
    "shop_flow",
    &[&[
        "CREATE TABLE choreography (one BIGINT PRIMARY KEY CHECK (one = 1), since BIGINT NOT NULL)",
    ]],
);

/// Whether the service of this database is to act on what the others tell: it was started for
/// choreography, now or ever before. Orders of that flow go on in it when the service is started with
/// the other option, and one that is long completed may still be cancelled.
///
/// # Errors
/// The database fails.
pub async fn takes_part(db: &Db, flow: Flow) -> Result<bool, sqlx::Error> {
    if flow == Flow::Choreography {
        sqlx::query("INSERT INTO choreography (one, since) VALUES (1, $1) ON CONFLICT DO NOTHING")
            .bind(db.now())
            .execute(db.pool())
            .await?;
        return Ok(true);
    }
    let found: Option<(i64,)> = sqlx::query_as("SELECT one FROM choreography")
        .fetch_optional(db.pool())
        .await?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{TestDb, on_postgres};

    #[test]
    fn an_event_bears_its_mark_and_strange_marks_are_none() {
        let event = || Event::new("/shop/orders", "shop.order.created.v1", json!({}));
        for flow in [Flow::Orchestration, Flow::Choreography] {
            let sent = flow.mark(event()).to_json();
            assert_eq!(Flow::of(&Event::from_json(&sent).unwrap()), flow);
            assert_eq!(Flow::named(&flow.to_string()), Some(flow));
            assert_eq!(serde_json::to_value(flow).unwrap(), flow.as_str());
        }
        let strange = event().with(MARK, "improvisation");
        assert_eq!(Flow::of(&strange), Flow::Orchestration);
        assert_eq!(Flow::of(&event().with(MARK, 1)), Flow::Orchestration);
    }

    async fn whoever_took_part_once_still_does(db: Db) {
        let (by_calls, by_events) = (Flow::Orchestration, Flow::Choreography);
        assert!(!takes_part(&db, by_calls).await.unwrap());
        for flow in [by_events, by_events, by_calls] {
            assert!(takes_part(&db, flow).await.unwrap());
        }
    }

    #[tokio::test]
    async fn whoever_took_part_once_still_does_on_sqlite() {
        let test = TestDb::sqlite(&[SCHEMA]).await;
        whoever_took_part_once_still_does(test.db.clone()).await;
    }

    #[tokio::test]
    async fn whoever_took_part_once_still_does_on_postgres() {
        on_postgres(&[SCHEMA], whoever_took_part_once_still_does).await;
    }
}

use std::{collections::HashSet, time::Duration};

use tokio::time::timeout;

use super::rows::Row;
use crate::{Bus, Event, bus::BusError};

/// What became of a batch.
#[derive(Default)]
pub(super) struct Published {
    /// The bus has these.
    pub(super) sent: Vec<i64>,
    /// The bus will never have these, and why.
    pub(super) refused: Vec<(i64, String)>,
    /// Where it stopped: what is neither sent nor refused was not tried, or nobody knows.
    pub(super) stopped: Option<BusError>,
}

/// Publishes in order: all at once, and if the bus refuses one of them, each by itself.
pub(super) async fn publish(bus: &Bus, rows: Vec<Row>, confirm: Duration) -> Published {
    let mut published = Published::default();
    let mut events = Vec::with_capacity(rows.len());
    let mut held = HashSet::new();
    for row in rows {
        match Event::from_json(&row.body) {
            // Behind one that nobody can read: it waits as it would behind a refused one.
            _ if row.key.as_ref().is_some_and(|key| held.contains(key)) => {}
            Ok(event) => events.push((row.position, event)),
            Err(error) => {
                published.refused.push((row.position, error.to_string()));
                held.extend(row.key);
            }
        }
    }
    let batch: Vec<_> = events.iter().map(|(_, event)| event.clone()).collect();
    if batch.is_empty() {
        return published;
    }
    match confirmed(bus, &batch, confirm).await {
        Ok(()) => published.sent = events.into_iter().map(|(position, _)| position).collect(),
        Err(BusError::Refused { .. }) => {
            one_by_one(bus, events, confirm, held, &mut published).await;
        }
        Err(error) => published.stopped = Some(error),
    }
    published
}

/// Some may be on the bus already and come twice, still in order.
async fn one_by_one(
    bus: &Bus,
    events: Vec<(i64, Event)>,
    confirm: Duration,
    mut held: HashSet<String>,
    published: &mut Published,
) {
    for (position, event) in events {
        if event.key().is_some_and(|key| held.contains(key)) {
            continue;
        }
        match confirmed(bus, std::slice::from_ref(&event), confirm).await {
            Ok(()) => published.sent.push(position),
            Err(BusError::Refused { reason, .. }) => {
                published.refused.push((position, reason));
                held.extend(event.key().map(str::to_owned));
            }
            Err(error) => {
                published.stopped = Some(error);
                return;
            }
        }
    }
}

async fn confirmed(bus: &Bus, events: &[Event], confirm: Duration) -> Result<(), BusError> {
    timeout(confirm, bus.publish(events))
        .await
        .unwrap_or_else(|_| {
            Err(BusError::unavailable(format!(
                "it has not confirmed within {confirm:?}"
            )))
        })
}

use std::ops::Deref;

use sqlx::{FromRow, Row, any::AnyRow};

use super::{EventStore, StoreError};
use crate::Event;

/// An event of the log, with its place there.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its place in the whole log, from 1. Numbers may be missing.
    pub position: i64,
    /// The stream it belongs to.
    pub stream: String,
    /// Its place in its stream, from 1; none is missing.
    pub version: i64,
    /// When it was recorded, in microseconds since 1970.
    pub recorded_at: i64,
    /// What happened, upcast.
    pub event: Event,
}

impl Deref for Recorded {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

/// A row of the log.
pub(super) struct Raw {
    position: i64,
    stream: String,
    version: i64,
    recorded_at: i64,
    body: String,
}

impl FromRow<'_, AnyRow> for Raw {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            position: row.try_get("position")?,
            stream: row.try_get("stream")?,
            version: row.try_get("version")?,
            recorded_at: row.try_get("recorded_at")?,
            body: row.try_get("body")?,
        })
    }
}

impl EventStore {
    pub(super) fn read(&self, raw: Raw) -> Result<Recorded, StoreError> {
        let event = Event::from_json(&raw.body).and_then(self.upcast);
        match event {
            Ok(event) => Ok(Recorded {
                position: raw.position,
                stream: raw.stream,
                version: raw.version,
                recorded_at: raw.recorded_at,
                event,
            }),
            Err(error) => Err(StoreError::Invalid {
                stream: raw.stream,
                version: raw.version,
                error,
            }),
        }
    }
}

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{Notify, oneshot};

use super::{
    config::TableConfig,
    lanes::Lanes,
    lookout::Lookout,
    member::Member,
    operation::{Operation, Row},
    poll::Poll,
    writer::Writer,
};
use crate::{
    Db, Event,
    bus::{Backend, Boxed, BusError, Source, Types, partition_of},
    db::Engine,
};

/// What stands behind a bus of tables.
pub(super) struct Table {
    db: Db,
    config: Arc<TableConfig>,
    writer: Writer,
    changed: Arc<Notify>,
    poll: Mutex<Weak<Poll>>,
}

impl Table {
    pub(super) fn new(
        db: Db,
        config: Arc<TableConfig>,
        writer: Writer,
        changed: Arc<Notify>,
    ) -> Self {
        Self {
            db,
            config,
            writer,
            changed,
            poll: Mutex::default(),
        }
    }

    fn row(&self, event: &Event) -> Result<Row, BusError> {
        let refuse = |reason: String| BusError::Refused {
            id: event.id().to_owned(),
            reason,
        };
        let body = event.to_json();
        if body.len() > self.config.event_bytes {
            let most = self.config.event_bytes;
            return Err(refuse(format!("{} bytes, at most {most}", body.len())));
        }
        Ok(Row {
            part: partition_of(event, self.config.partitions).into(),
            kind: event.kind().to_owned(),
            body,
        })
    }

    /// What looks for news, while anyone listens.
    fn poll(&self) -> Arc<Poll> {
        let mut poll = self.poll.lock().unwrap_or_else(PoisonError::into_inner);
        poll.upgrade().unwrap_or_else(|| {
            let usual = match self.db.engine() {
                Engine::Sqlite => Duration::from_millis(2),
                Engine::Postgres => Duration::from_millis(10),
            };
            let every = self.config.poll.unwrap_or(usual);
            let (db, config) = (self.db.clone(), Arc::clone(&self.config));
            let started = Poll::start(db, config, every, Arc::clone(&self.changed));
            *poll = Arc::downgrade(&started);
            started
        })
    }

    /// Makes the group's cursors where they are missing, behind all that is published.
    async fn join(&self, group: &str) -> Result<(), sqlx::Error> {
        let partitions = i64::from(self.config.partitions);
        let (cursors,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM keep_bus_cursors WHERE consumer = $1")
                .bind(group)
                .fetch_one(self.db.pool())
                .await?;
        if cursors == partitions {
            return Ok(());
        }
        let mut tx = self.db.begin_write().await?;
        for part in 0..partitions {
            sqlx::query(
                "INSERT INTO keep_bus_cursors
                     (consumer, part, passed, epoch, attempts, leased_until, not_before)
                 SELECT $1, $2, COALESCE(MAX(position), 0), 0, 0, 0, 0
                 FROM keep_bus_events WHERE part = $2
                 ON CONFLICT DO NOTHING",
            )
            .bind(group)
            .bind(part)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    }
}

impl Backend for Table {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(async {
            let rows: Result<Vec<_>, _> = events.iter().map(|event| self.row(event)).collect();
            let rows = rows?;
            if rows.is_empty() {
                return Ok(());
            }
            let (answer, answered) = oneshot::channel();
            self.writer.send(Operation::Publish { rows, answer });
            answered
                .await
                .unwrap_or_else(|_| Err(BusError::unavailable("the runtime is shutting down")))
        })
    }

    fn subscribe<'a>(
        &'a self,
        group: &'a str,
        types: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async move {
            if group.is_empty() || group.contains('\0') {
                return Err(BusError::Misconfigured(
                    "group: must not be empty, nor contain NUL".to_owned(),
                ));
            }
            self.join(group).await?;
            Ok(Box::new(Member {
                db: self.db.clone(),
                config: Arc::clone(&self.config),
                types: types.clone(),
                writer: self.writer.clone(),
                lanes: Arc::new(Lanes::new(group.into())),
                changed: Arc::clone(&self.changed),
                lookout: Lookout::new(),
                looking: None,
                claiming: None,
                _poll: self.poll(),
            }) as Box<dyn Source>)
        })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { Ok(self.db.ping().await?) })
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use super::{
    Outbox, RelayConfig,
    publish::publish,
    rows::{Row, mark_sent, purge, set_aside, unsent},
};
use crate::{
    Bus,
    bus::BusError,
    common::{
        lease::Lease,
        paced::Paced,
        worker::{Pass, work},
    },
    db::micros,
    observe::{self, Span},
};

/// Rows that one statement deletes: it holds SQLite's write lock for milliseconds only.
const PIECE: u32 = 500;

/// Publishes what was appended. See the [module](super).
#[derive(Debug)]
pub struct Relay {
    outbox: Outbox,
    bus: Bus,
    config: RelayConfig,
    lease: Lease,
    gauges: Paced,
    purge: Paced,
}

/// What a pass of a relay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Whether this relay is the one whose turn it is.
    pub leads: bool,
    /// How many events the bus confirmed.
    pub sent: usize,
    /// How many it refused for ever.
    pub refused: usize,
}

/// Why a pass ended early. What it had not done is done by the next.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The database fails.
    #[error("the outbox cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
    /// The bus does not take the events now.
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl Relay {
    pub(super) fn new(outbox: Outbox, bus: Bus, config: RelayConfig) -> Self {
        Self {
            lease: Lease::new("outbox", config.lease),
            config: RelayConfig {
                batch: config.batch.clamp(1, 1000),
                ..config
            },
            outbox,
            bus,
            gauges: Paced::every(Duration::from_secs(5)),
            purge: Paced::every(Duration::from_secs(60)),
        }
    }

    /// Publishes one batch, if this relay leads: select, publish, wait for the confirm, mark. Dropped
    /// at any point, what the bus has and the table does not know of is published again.
    ///
    /// # Errors
    /// The database or the bus fails.
    pub async fn pass(&self) -> Result<Relayed, RelayError> {
        let db = &self.outbox.db;
        if self.gauges.due(db.now()) {
            observe::backlog(self.outbox.backlog().await?);
        }
        if !self.lease.hold(db).await? {
            return Ok(Relayed::default());
        }
        if self.purge.due(db.now()) {
            let before = db.now().saturating_sub(micros(self.config.retention));
            if purge(db, before, PIECE).await? == u64::from(PIECE) {
                self.purge.again();
            }
        }
        let rows = unsent(db, self.config.batch).await?;
        if rows.is_empty() {
            return Ok(Relayed {
                leads: true,
                ..Relayed::default()
            });
        }
        let span = observe::relay_span(rows.len());
        span.around(self.relay(rows, &span)).await
    }

    async fn relay(&self, rows: Vec<Row>, span: &Span) -> Result<Relayed, RelayError> {
        let db = &self.outbox.db;
        let began = Instant::now();
        let published = publish(&self.bus, rows, self.config.confirm).await;
        observe::published(
            span,
            published.sent.len(),
            published.refused.len(),
            published.stopped.is_some(),
            began.elapsed(),
        );
        mark_sent(db, &published.sent).await?;
        for (position, reason) in &published.refused {
            observe::refused(*position, reason);
            set_aside(db, *position, reason).await?;
        }
        match published.stopped {
            Some(error) => Err(error.into()),
            None => Ok(Relayed {
                leads: true,
                sent: published.sent.len(),
                refused: published.refused.len(),
            }),
        }
    }

    /// Makes passes until `stop`: at once while there is something, else when woken or polled. A
    /// failure is logged and tried again after 0.2 s to 5 s. A batch that has begun is finished.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let pass = || async {
            let done = self.pass().await?;
            Ok(match done.sent + done.refused {
                0 => Pass::Idle,
                _ => Pass::Busy,
            })
        };
        work("outbox", self.config.poll, &self.outbox.wake, stop, pass).await;
        if let Err(error) = self.lease.release(&self.outbox.db).await {
            observe::failed("outbox", &error.into());
        }
    }
}

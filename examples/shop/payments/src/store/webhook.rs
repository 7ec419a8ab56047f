use std::time::Duration;

use tower_keep_durable::{Event, inbox};

use super::Store;
use crate::{NAME, domain::Report};

/// How long a webhook is known again: longer than any network repeats one.
const KNOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many one statement forgets: it holds SQLite's write lock for milliseconds only.
const PIECE: u32 = 500;

impl Store {
    /// Learns from a webhook; false if it came before. Its source and id are written in the
    /// transaction of what it changes.
    pub(crate) async fn take_webhook(
        &self,
        event: &Event,
        report: &Report,
    ) -> Result<bool, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        if !inbox::remember(&mut tx, self.db.clock(), NAME, event).await? {
            return Ok(false);
        }
        self.learn_within(&mut tx, report).await?;
        self.outbox.commit(tx).await?;
        Ok(true)
    }

    /// Forgets webhooks of long ago.
    pub(super) async fn forget_webhooks(&self) -> Result<(), sqlx::Error> {
        while inbox::purge(&self.db, NAME, KNOWN, PIECE).await? == u64::from(PIECE) {}
        Ok(())
    }
}

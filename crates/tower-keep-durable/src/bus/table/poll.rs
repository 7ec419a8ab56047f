use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use sqlx::{Any, pool::PoolConnection};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::{cleanup, config::TableConfig};
use crate::{Db, observe};

/// How often to look for what can be removed.
const CLEAN: Duration = Duration::from_secs(60);

/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_millis(500);

/// Looks for what other processes publish as long as this is held.
#[derive(Debug)]
pub(super) struct Poll;

impl Poll {
    /// Starts to look, and wakes those who wait for `changed`.
    pub(super) fn start(
        db: Db,
        config: Arc<TableConfig>,
        every: Duration,
        changed: Arc<Notify>,
    ) -> Arc<Self> {
        let held = Arc::new(Self);
        let alive = Arc::downgrade(&held);
        tokio::spawn(async move {
            while alive.strong_count() > 0 {
                if let Err(error) = look(&db, &config, every, &changed, &alive).await {
                    observe::failed("bus", &error.into());
                    sleep(AGAIN).await;
                }
            }
        });
        held
    }
}

async fn look(
    db: &Db,
    config: &TableConfig,
    every: Duration,
    changed: &Notify,
    alive: &Weak<Poll>,
) -> Result<(), sqlx::Error> {
    // One connection for all looks: to take one from the pool costs more than the look.
    let mut connection: PoolConnection<Any> = db.pool().acquire().await?;
    let mut seen = 0;
    let mut clean_at = Instant::now() + CLEAN;
    while alive.strong_count() > 0 {
        let (last,): (Option<i64>,) = sqlx::query_as("SELECT MAX(position) FROM keep_bus_events")
            .fetch_one(&mut *connection)
            .await?;
        // Less after all was removed, which is no news but not worth telling apart.
        if last != Some(seen) {
            seen = last.unwrap_or_default();
            changed.notify_waiters();
        }
        if Instant::now() >= clean_at {
            // What is left over is for the next time.
            cleanup::remove_passed(db, config.retention).await?;
            clean_at = Instant::now() + CLEAN;
        }
        sleep(every).await;
    }
    Ok(())
}

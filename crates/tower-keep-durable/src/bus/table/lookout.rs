use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::operation::{Free, Skip};
use crate::{Db, bus::Types};

/// How many types one statement reads while it looks for one that is wanted.
const PIECE: i64 = 256;

/// How many events are passed over before the cursors say so: a member that starts anew looks at so
/// many again, of which it reads nothing but the type.
const SKIP: usize = 1000;

/// How long until the cursors say so at the latest, so that what all have passed can be removed.
const SKIP_AFTER: Duration = Duration::from_secs(30);

/// What waits for a group.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What may be claimed, the one that was claimed least first.
    pub(super) free: Vec<Free>,
    /// Partitions of this member that go on behind what it has read of them.
    pub(super) more: Vec<i64>,
    /// When the next one may be claimed, if none may now.
    pub(super) not_before: Option<i64>,
    /// What the cursors are to pass over, from time to time.
    pub(super) skips: Vec<Skip>,
}

/// Looks for events that a group wants, without writing: what is of no interest costs its readers
/// no transaction. It remembers up to where nothing was.
#[derive(Debug)]
pub(super) struct Lookout {
    /// Of each partition, the cursor and up to where nothing behind it is wanted.
    empty: HashMap<i64, (i64, i64)>,
    /// Of each partition, something that is wanted: as long as it was not read, nobody need look again.
    found: HashMap<i64, i64>,
    /// How many events the cursors have not passed yet.
    unwritten: usize,
    written: Instant,
}

impl Lookout {
    pub(super) fn new() -> Self {
        Self {
            empty: HashMap::new(),
            found: HashMap::new(),
            unwritten: 0,
            written: Instant::now(),
        }
    }

    /// Up to where nothing is wanted, if the cursor stands at `passed`.
    pub(super) fn beyond(&self, part: i64, passed: i64) -> i64 {
        match self.empty.get(&part) {
            // A cursor that was put back is to be believed.
            Some((from, to)) if *from <= passed => passed.max(*to),
            _ => passed,
        }
    }

    /// Looks. `read` gives up to where this member has read a partition that it has claimed.
    pub(super) async fn look(
        &mut self,
        db: &Db,
        group: &str,
        types: &Types,
        read: impl Fn(i64) -> Option<i64>,
    ) -> Result<Look, sqlx::Error> {
        let cursors: Vec<(i64, i64, i64, i64, i64, Option<i64>)> = sqlx::query_as(
            "SELECT part, epoch, passed, leased_until, not_before,
                 (SELECT e.position FROM keep_bus_events e WHERE e.part = c.part
                  ORDER BY e.position DESC LIMIT 1)
             FROM keep_bus_cursors c WHERE consumer = $1 ORDER BY epoch, part",
        )
        .bind(group)
        .fetch_all(db.pool())
        .await?;
        let now = db.now();
        let due =
            self.unwritten >= SKIP || (self.unwritten > 0 && self.written.elapsed() >= SKIP_AFTER);
        let mut look = Look::default();
        for (part, epoch, passed, leased_until, not_before, last) in cursors {
            let at = leased_until.max(not_before);
            let from = self.beyond(part, passed);
            let last = last.unwrap_or_default();
            if let Some(end) = read(part) {
                // Behind what was read: the cursor will come to it.
                let end = end.max(from);
                if last > end && self.wanted(db, types, part, end, None).await? {
                    look.more.push(part);
                }
                continue;
            }
            let news = last > from;
            if at > now {
                if news {
                    look.not_before = Some(look.not_before.map_or(at, |next| next.min(at)));
                }
                continue;
            }
            if news && self.wanted(db, types, part, from, Some(passed)).await? {
                look.free.push(Free { part, epoch });
            }
            let (from, to) = (passed, self.beyond(part, passed));
            if due && to > from {
                look.skips.push(Skip {
                    part,
                    epoch,
                    from,
                    to,
                });
            }
        }
        if due {
            (self.unwritten, self.written) = (0, Instant::now());
        }
        Ok(look)
    }

    /// Whether there is anything wanted behind `from`. What is before it is remembered for the cursor
    /// that stands at `passed`.
    async fn wanted(
        &mut self,
        db: &Db,
        types: &Types,
        part: i64,
        mut from: i64,
        passed: Option<i64>,
    ) -> Result<bool, sqlx::Error> {
        if self.found.get(&part).is_some_and(|found| *found > from) {
            return Ok(true);
        }
        loop {
            let rows: Vec<(i64, String)> = sqlx::query_as(
                "SELECT position, kind FROM keep_bus_events
                 WHERE part = $1 AND position > $2 ORDER BY position LIMIT $3",
            )
            .bind(part)
            .bind(from)
            .bind(PIECE)
            .fetch_all(db.pool())
            .await?;
            let unwanted = rows.iter().take_while(|(_, kind)| !types.contain(kind));
            let unwanted: Vec<i64> = unwanted.map(|(position, _)| *position).collect();
            from = unwanted.last().copied().unwrap_or(from);
            if let (Some(passed), false) = (passed, unwanted.is_empty()) {
                self.unwritten += unwanted.len();
                self.empty.insert(part, (passed, from));
            }
            if let Some((found, _)) = rows.get(unwanted.len()) {
                if passed.is_some() {
                    self.found.insert(part, *found);
                }
                return Ok(true);
            }
            if i64::try_from(rows.len()).is_ok_and(|count| count < PIECE) {
                return Ok(false);
            }
        }
    }
}

use std::{sync::Arc, time::Duration};

use tower_service::Service;

use super::{ConsumerError, attempt::attempt, beat, failure::Failure, shared::Shared};
use crate::{
    BoxError, Event,
    dead_letters::{self, Due, LetterError},
    inbox, observe,
};

/// Letters that one pass handles at most.
const BATCH: u32 = 64;
/// Rows that one statement deletes.
const PIECE: u32 = 500;
/// How long a count of tries is kept that nobody has touched: longer than any wait between two.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a pass over the letters did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worked {
    /// Whether it was this process' turn.
    pub leads: bool,
    /// How many letters were handled with success.
    pub replayed: u32,
    /// How many failed, for now or for good.
    pub failed: u32,
}

/// One pass: gauges, what is old, and the letters that may be handled.
pub(super) async fn pass<S>(shared: Arc<Shared>, service: S) -> Result<Worked, ConsumerError>
where
    S: Service<Event, Response = (), Error: Into<BoxError>> + Clone,
{
    if shared.gauges.due(shared.db.now()) {
        let depth = shared.letters.depth(Some(&shared.name)).await?;
        observe::letters(&shared.name, depth.dead, depth.parked);
    }
    if !shared.lease.hold(&shared.db).await? {
        return Ok(Worked::default());
    }
    if shared.purge.due(shared.db.now()) {
        purge(&shared).await?;
    }
    let mut worked = Worked {
        leads: true,
        ..Worked::default()
    };
    for head in dead_letters::due(&shared.db, &shared.name, BATCH).await? {
        let mut next = Some(head);
        while let Some(letter) = next
            && worked.replayed + worked.failed < BATCH
        {
            let lane = letter.lane.clone();
            match replay(&shared, service.clone(), letter).await? {
                Replay::Done => worked.replayed += 1,
                Replay::Failed => {
                    worked.failed += 1;
                    break;
                }
                Replay::Lost => return Ok(worked),
            }
            next = dead_letters::next_in_lane(&shared.db, &shared.name, &lane).await?;
        }
    }
    Ok(worked)
}

enum Replay {
    Done,
    Failed,
    /// Another process works here now.
    Lost,
}

/// Handles one letter. Dropped at any point, it is handled again, which the inbox bears.
async fn replay<S>(shared: &Shared, service: S, mut letter: Due) -> Result<Replay, ConsumerError>
where
    S: Service<Event, Response = (), Error: Into<BoxError>>,
{
    let (db, config) = (&shared.db, &shared.config);
    if !dead_letters::begin(db, &mut letter).await? {
        return Ok(Replay::Lost);
    }
    let tries = u32::try_from(letter.tries).unwrap_or(u32::MAX);
    let tried = if tries > config.max_attempts {
        Err(Failure::Poison(format!(
            "the process ended, or was cut off, in each of {} attempts",
            config.max_attempts
        )))
    } else {
        match Event::from_json(&letter.body) {
            Ok(event) => {
                let beats = beat::of_lease(shared);
                match beat::during(beats, attempt(service, event)).await {
                    Some(tried) => tried,
                    None => return Ok(Replay::Lost),
                }
            }
            Err(error) => Err(Failure::Poison(error.to_string())),
        }
    };
    match tried {
        Ok(()) => {
            dead_letters::succeed(db, &letter).await?;
            return Ok(Replay::Done);
        }
        Err(Failure::Poison(reason)) => dead_letters::fail(db, &letter, &reason).await?,
        Err(Failure::Transient { reason, .. }) if tries >= config.max_attempts => {
            dead_letters::fail(db, &letter, &reason).await?;
        }
        Err(Failure::Transient { reason, after }) => {
            let delay = after.unwrap_or_else(|| config.backoff.random_delay(tries));
            dead_letters::put_off(db, &letter, &reason, delay, false).await?;
        }
        Err(Failure::NotSent { reason, after }) => {
            let delay = after.unwrap_or(config.not_sent);
            dead_letters::put_off(db, &letter, &reason, delay, true).await?;
        }
    }
    Ok(Replay::Failed)
}

async fn purge(shared: &Shared) -> Result<(), LetterError> {
    let (db, name, config) = (&shared.db, &shared.name, &shared.config);
    let deleted = [
        inbox::purge(db, name, config.inbox_retention, PIECE).await?,
        dead_letters::purge(db, name, config.letter_retention, PIECE).await?,
        shared.purge_attempts(STALE, PIECE).await?,
    ];
    if deleted.contains(&u64::from(PIECE)) {
        shared.purge.again();
    }
    Ok(())
}

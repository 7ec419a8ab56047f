use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    RateLimitHandle,
    shared::{Shared, now},
    state::Pace,
};
use crate::{common::clock::whole_nanos, config::SteerError};

/// What a rate limit knows and should know again after a restart.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    /// When each limit would be full again, from then on; of one that fills at once, the time in which
    /// what is missing grows back.
    #[serde(default)]
    full_in_ms: Vec<u64>,
    /// When each limit that fills at once does so next; 0 for the others.
    #[serde(default)]
    next_step_in_ms: Vec<u64>,
}

impl Saved {
    pub(super) fn of(handle: &RateLimitHandle) -> Self {
        handle.shared.save()
    }

    pub(super) fn restore(self, handle: &RateLimitHandle, age: Duration) -> Result<(), SteerError> {
        if !handle.shared.is_idle() {
            return Err(SteerError::new("", "is in use already"));
        }
        handle.shared.restore(&self, age);
        Ok(())
    }
}

impl Shared {
    fn save(&self) -> Saved {
        let (now, (words, paces, _)) = (now(), self.look());
        let limits = || words.iter().zip(&paces).take(self.limits());
        let missing = |(word, pace): (&u64, &Pace)| word.saturating_sub(pace.grown(now));
        let next_step = |(_, pace): (&u64, &Pace)| (pace.grown(now) + pace.step).max(now) - now;
        Saved {
            full_in_ms: limits().map(missing).map(to_millis).collect(),
            next_step_in_ms: limits().map(next_step).map(to_millis).collect(),
        }
    }

    /// Owes again what was owed so long ago, less what has grown since.
    fn restore(&self, saved: &Saved, age: Duration) {
        let _line = self.line();
        let (now, age) = (now(), whole_nanos(age));
        for (at, bucket) in self.buckets[..self.limits()].iter().enumerate() {
            let of = |saved: &[u64]| saved.get(at).copied().map_or(0, from_millis);
            let (pace, missing) = (bucket.load().1, of(&saved.full_in_ms));
            let longest = pace.tolerance + whole_nanos(LONGEST);
            if pace.step == 0 {
                let owed = missing.saturating_sub(age).min(longest);
                if owed > 0 {
                    bucket.change(|full_at| full_at.max(now + owed));
                }
                continue;
            }
            // The periods go on as if there had been no restart.
            let to_step = match of(&saved.next_step_in_ms) {
                0 => pace.step,
                time => time.min(pace.step),
            };
            let since_step = age.saturating_add(pace.step - to_step);
            let steps = since_step / pace.step;
            let owed = missing.saturating_sub(steps.saturating_mul(pace.step));
            let to = Pace {
                anchor: now - since_step % pace.step,
                ..pace
            };
            bucket.repace(to, |full_at| {
                pace.convert(&to, full_at, now) + owed.min(longest)
            });
        }
    }
}

fn to_millis(nanos: u64) -> u64 {
    nanos.div_ceil(NANOS_PER_MILLI)
}

fn from_millis(millis: u64) -> u64 {
    millis.saturating_mul(NANOS_PER_MILLI)
}

const NANOS_PER_MILLI: u64 = 1_000_000;
/// Whatever was saved, a limit owes no more than all its permits and those of this time.
const LONGEST: Duration = Duration::from_secs(60 * 60);

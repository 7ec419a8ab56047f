//! What happens next: a function of where the saga is, what came of its step, and the time.

use std::time::Duration;

use super::{
    Status,
    plan::{Kind, Spec, UndoOrder},
};
use crate::db::micros;

/// Where a saga is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) status: Status,
    /// What a parked saga goes back to.
    pub(super) resume: Option<Status>,
    /// The step that is made or undone.
    pub(super) cursor: usize,
    /// A bit for each step that is still to be undone.
    pub(super) undo_left: u64,
    /// How many tries of it failed.
    pub(super) attempt: u32,
    /// How many tries on end were not sent.
    pub(super) not_sent: u32,
    /// Whether an earlier try of it may have been executed.
    pub(super) ambiguous: bool,
    /// Since when it fails.
    pub(super) failing_since: Option<i64>,
    /// When it is due.
    pub(super) next_at: i64,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Rejected,
    NotSent(Option<Duration>),
    Unknown,
    /// It cannot even be tried: the state of the row is of another version.
    Broken,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Make or undo the step at the cursor.
    Try,
    /// The deadline has passed: go there.
    Expire(Position),
    /// Nothing, for now or for ever.
    Rest,
}

impl Position {
    #[cfg(test)]
    pub(super) const fn start(now: i64) -> Self {
        Self {
            status: Status::Running,
            resume: None,
            cursor: 0,
            undo_left: 0,
            attempt: 0,
            not_sent: 0,
            ambiguous: false,
            failing_since: None,
            next_at: now,
        }
    }

    /// A step begins that nobody has tried.
    fn fresh(&mut self, cursor: usize, now: i64) {
        self.cursor = cursor;
        self.attempt = 0;
        self.not_sent = 0;
        self.ambiguous = false;
        self.failing_since = None;
        self.next_at = now;
    }

    fn park(&mut self, now: i64) {
        self.resume = Some(self.status);
        self.status = Status::Parked;
        self.next_at = now;
    }

    /// From now on it is undone, the step at the cursor too if it may have been executed.
    fn compensate(&mut self, own: bool, now: i64) {
        self.undo_left = (1 << self.cursor) - 1;
        self.undo_left |= u64::from(own) << self.cursor;
        self.fresh(highest(self.undo_left), now);
        self.status = match self.undo_left {
            0 => Status::Compensated,
            _ => Status::Compensating,
        };
    }

    fn wait(&mut self, wait: Duration, now: i64) {
        self.next_at = now.saturating_add(micros(wait));
    }
}

/// What a saga that is there does now.
pub(super) fn next(spec: &Spec, at: &Position, deadline_at: i64, now: i64) -> Next {
    match at.status {
        Status::Running | Status::Compensating if at.next_at > now => Next::Rest,
        Status::Running if now >= deadline_at && may_give_up(spec, at) => {
            let mut to = at.clone();
            let own = at.ambiguous && !cfg!(saga_mutant = "B");
            to.compensate(own, now);
            Next::Expire(to)
        }
        Status::Running | Status::Compensating => Next::Try,
        _ => Next::Rest,
    }
}

/// Whether the saga can still be undone: always before the pivot, at the pivot if nobody tried it.
fn may_give_up(spec: &Spec, at: &Position) -> bool {
    match spec.steps[at.cursor].kind {
        Kind::Compensatable => true,
        Kind::Pivot => !at.ambiguous || cfg!(saga_mutant = "P"),
        Kind::Retriable => false,
    }
}

/// Where the outcome of a try leads. `chance` is a random number from 0 to 1, for the waits.
pub(super) fn advance(
    spec: &Spec,
    at: &Position,
    deadline_at: i64,
    outcome: Outcome,
    now: i64,
    chance: f64,
) -> Position {
    let mut to = at.clone();
    if outcome == Outcome::Broken {
        to.park(now);
        return to;
    }
    match at.status {
        Status::Running => forward(spec, &mut to, deadline_at, outcome, now, chance),
        Status::Compensating => undo(spec, &mut to, outcome, now, chance),
        _ => {}
    }
    to
}

fn forward(
    spec: &Spec,
    to: &mut Position,
    deadline_at: i64,
    outcome: Outcome,
    now: i64,
    chance: f64,
) {
    let step = &spec.steps[to.cursor];
    let since = to.failing_since.unwrap_or(now);
    match outcome {
        Outcome::Done if to.cursor + 1 == spec.steps.len() => {
            to.fresh(to.cursor, now);
            to.status = Status::Completed;
            return;
        }
        Outcome::Done => return to.fresh(to.cursor + 1, now),
        Outcome::Rejected if step.kind == Kind::Retriable => return to.park(now),
        Outcome::Rejected => {
            // A "no" to this try says nothing about an earlier one that nobody answered, unless
            // the participant keeps its answers: to undo what was not done is harmless.
            let own = to.ambiguous && step.kind == Kind::Compensatable;
            return to.compensate(own, now);
        }
        Outcome::NotSent(hint) => {
            if cfg!(saga_mutant = "E") {
                to.ambiguous = false;
            }
            to.not_sent = to.not_sent.saturating_add(1);
            let own = step.retry.backoff.delay(to.not_sent, chance);
            to.wait(later(own, hint, chance), now);
        }
        Outcome::Unknown => {
            to.ambiguous = true;
            to.not_sent = 0;
            to.attempt = to.attempt.saturating_add(1);
            to.wait(step.retry.backoff.delay(to.attempt, chance), now);
        }
        Outcome::Broken => return,
    }
    to.failing_since = Some(since);
    let used_up = to.attempt >= step.retry.attempts;
    let waited_for = now.saturating_sub(since) >= micros(spec.patience);
    let late = now >= deadline_at && may_give_up(spec, to);
    match step.kind {
        Kind::Compensatable if used_up || late => {
            let own = to.ambiguous && !cfg!(saga_mutant = "B");
            to.compensate(own, now);
        }
        Kind::Pivot if late => to.compensate(false, now),
        Kind::Pivot | Kind::Retriable if used_up || waited_for => to.park(now),
        // The deadline is a moment at which something happens.
        Kind::Compensatable | Kind::Pivot if now < deadline_at && may_give_up(spec, to) => {
            to.next_at = to.next_at.min(deadline_at);
        }
        _ => {}
    }
}

/// When to try again what was not sent: not before the hint, nor, where the hint is short and stays
/// so, ever again at the same pace. Up to a quarter later, or all who were told the same would come at
/// once.
fn later(own: Duration, hint: Option<Duration>, chance: f64) -> Duration {
    let hint = hint.unwrap_or_default();
    let spread = (hint / 4).mul_f64(chance.clamp(0.0, 1.0));
    own.max(hint.saturating_add(spread))
}

fn undo(spec: &Spec, to: &mut Position, outcome: Outcome, now: i64, chance: f64) {
    let bit = 1_u64 << to.cursor;
    let below = to.undo_left & (bit - 1);
    let skip = cfg!(saga_mutant = "C");
    if outcome == Outcome::Done || skip {
        to.undo_left &= !bit;
        if to.undo_left == 0 {
            to.fresh(to.cursor, now);
            to.status = Status::Compensated;
            return;
        }
        if below != 0 {
            // In reverse order there is nothing above; otherwise what failed there still counts.
            let round = (to.attempt, to.failing_since);
            to.fresh(highest(below), now);
            if spec.undo_order == UndoOrder::Any {
                (to.attempt, to.failing_since) = round;
            }
            return;
        }
    } else {
        to.failing_since.get_or_insert(now);
        if spec.undo_order == UndoOrder::Any && below != 0 {
            to.cursor = highest(below);
            return;
        }
    }
    // The end of a round: something is left that failed.
    let backoff = spec.undo.backoff;
    match outcome {
        Outcome::NotSent(hint) => {
            to.not_sent = to.not_sent.saturating_add(1);
            let own = backoff.delay(to.not_sent, chance);
            to.wait(later(own, hint, chance), now);
        }
        _ => {
            to.not_sent = 0;
            to.attempt = to.attempt.saturating_add(1);
            to.wait(backoff.delay(to.attempt, chance), now);
        }
    }
    to.cursor = highest(to.undo_left);
    let since = to.failing_since.unwrap_or(now);
    let waited_for = now.saturating_sub(since) >= micros(spec.patience);
    if to.attempt >= spec.undo.attempts || waited_for {
        to.park(now);
    }
}

/// The number of the highest bit; 0 of none.
fn highest(bits: u64) -> usize {
    bits.checked_ilog2().unwrap_or_default() as usize
}

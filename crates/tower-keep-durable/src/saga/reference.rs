//! The machine against a plain account of what happened: for each step the list of its outcomes, and
//! what is left to be undone as a list.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};
use tower_keep::backoff::Backoff;

use super::{
    Plan, Retry, Status, StepName, UndoOrder,
    plan::{Committed, Kind, Spec},
    state::{Next, Outcome, Position, advance, next},
};
use crate::db::micros;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Numbered(usize);

const NAMES: [&str; 8] = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"];

impl StepName for Numbered {
    fn name(self) -> &'static str {
        NAMES[self.0]
    }
}

/// What is done to a saga: a try ends, a while later.
#[derive(Debug, Clone, Copy)]
struct Try {
    outcome: Outcome,
    /// Whether a worker died in it before it ended.
    crashed: bool,
    /// How late the next look is.
    late: u64,
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let outcome = select(vec![
        Outcome::Done,
        Outcome::Done,
        Outcome::Rejected,
        Outcome::NotSent(None),
        Outcome::NotSent(Some(Duration::from_secs(3))),
        Outcome::Unknown,
        Outcome::Unknown,
    ]);
    let late = select(vec![0, 0, 1, 40, 700]);
    let one = (outcome, prop::bool::weighted(0.1), late);
    let one = one.prop_map(|(outcome, crashed, late)| Try {
        outcome,
        crashed,
        late,
    });
    vec(one, 1..60)
}

fn specs() -> impl Strategy<Value = Spec> {
    (0..4_usize, 0..4_usize, 1..5_u32, any::<bool>()).prop_map(|(before, after, attempts, any)| {
        let retry = Retry::times(attempts).backoff(Backoff {
            base: Duration::from_secs(1),
            max: Duration::from_secs(60),
            ..Retry::times(1).backoff
        });
        let plan = Plan::new("t/v1");
        let pivot = Numbered(before);
        let mut plan: Plan<Numbered, Committed> = match before {
            0 => plan.pivot(pivot).retry(retry),
            _ => {
                let mut open = plan.compensatable(Numbered(0)).retry(retry);
                for index in 1..before {
                    open = open.compensatable(Numbered(index)).retry(retry);
                }
                open.pivot(pivot).retry(retry)
            }
        };
        for index in 0..after {
            plan = plan.retriable(Numbered(before + 1 + index)).retry(retry);
        }
        let order = if any {
            UndoOrder::Any
        } else {
            UndoOrder::Reverse
        };
        plan.deadline(Duration::from_secs(300))
            .patience(Duration::from_secs(600))
            .undo(retry, Duration::from_secs(1))
            .undo_order(order)
            .spec
    })
}

/// The account.
#[derive(Debug)]
struct Account {
    status: Status,
    step: usize,
    /// What came of each try of the present step; a crash is an unknown that is not counted.
    history: Vec<(Outcome, bool)>,
    failing_since: Option<i64>,
    /// What is to be undone, next first.
    round: Vec<usize>,
    /// What failed in this round.
    failed: Vec<usize>,
    rounds: u32,
}

impl Account {
    fn doubt(&self) -> bool {
        let mut history = self.history.iter();
        history.any(|(outcome, crashed)| *crashed || *outcome == Outcome::Unknown)
    }

    fn undo(&mut self, own: bool) {
        let last = self.step + usize::from(own);
        self.round = (0..last).rev().collect();
        self.failing_since = None;
        self.history.clear();
        self.status = match self.round.is_empty() {
            true => Status::Compensated,
            false => Status::Compensating,
        };
    }

    /// The deadline has passed and nobody is at it.
    fn look(&mut self, spec: &Spec, late: bool) {
        let kind = spec.steps[self.step].kind;
        let doubt = self.doubt();
        match kind {
            _ if self.status != Status::Running || !late => {}
            Kind::Compensatable => self.undo(doubt),
            Kind::Pivot if !doubt => self.undo(false),
            Kind::Pivot | Kind::Retriable => {}
        }
    }

    fn forward(&mut self, spec: &Spec, outcome: Outcome, now: i64, late: bool) {
        let step = &spec.steps[self.step];
        self.history.push((outcome, false));
        match outcome {
            Outcome::Done => {
                self.history.clear();
                self.failing_since = None;
                self.step += 1;
                if self.step == spec.steps.len() {
                    self.step -= 1;
                    self.status = Status::Completed;
                }
                return;
            }
            Outcome::Rejected => {
                return match step.kind {
                    Kind::Compensatable => self.undo(self.doubt()),
                    Kind::Pivot => self.undo(false),
                    Kind::Retriable => self.status = Status::Parked,
                };
            }
            _ => {}
        }
        let since = *self.failing_since.get_or_insert(now);
        let unknown = self.history.iter();
        let unknown = unknown.filter(|(outcome, _)| *outcome == Outcome::Unknown);
        let used_up = unknown.count() >= step.retry.attempts as usize;
        let impatient = now - since >= micros(spec.patience);
        match step.kind {
            Kind::Compensatable if used_up || late => self.undo(self.doubt()),
            Kind::Pivot if late && !self.doubt() => self.undo(false),
            Kind::Pivot | Kind::Retriable if used_up || impatient => self.status = Status::Parked,
            _ => {}
        }
    }

    fn backward(&mut self, spec: &Spec, outcome: Outcome, now: i64) {
        let step = self.round.remove(0);
        let reverse = spec.undo_order == UndoOrder::Reverse;
        if outcome == Outcome::Done {
            if reverse {
                self.rounds = 0;
                self.failing_since = None;
            }
        } else {
            self.failing_since.get_or_insert(now);
            self.failed.push(step);
            if reverse {
                self.failed.append(&mut self.round);
            }
        }
        if !self.round.is_empty() {
            return;
        }
        self.round = std::mem::take(&mut self.failed);
        if self.round.is_empty() {
            self.status = Status::Compensated;
            return;
        }
        if !matches!(outcome, Outcome::NotSent(_)) {
            self.rounds += 1;
        }
        let since = self.failing_since.expect("something failed");
        let impatient = now - since >= micros(spec.patience);
        if self.rounds >= spec.undo.attempts || impatient {
            self.status = Status::Parked;
        }
    }

    fn left(&self) -> u64 {
        let left = self.round.iter().chain(&self.failed);
        left.fold(0, |bits, step| bits | 1 << step)
    }

    fn agrees(&self, at: &Position) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.status, at.status, "{:?} {:?}", self, at);
        let undoing = at.status == Status::Compensating || at.resume == Some(Status::Compensating);
        if undoing {
            prop_assert_eq!(self.left(), at.undo_left, "{:?} {:?}", self, at);
            prop_assert_eq!(self.round[0], at.cursor, "{:?} {:?}", self, at);
        } else if at.status == Status::Running {
            prop_assert_eq!(self.step, at.cursor);
            prop_assert_eq!(self.doubt(), at.ambiguous, "{:?} {:?}", self, at);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_machine_does_what_the_account_says(spec in specs(), tries in tries()) {
        let mut now = 0;
        let deadline_at = micros(spec.deadline);
        let mut at = Position::start(now);
        let mut account = Account {
            status: Status::Running,
            step: 0,
            history: Vec::new(),
            failing_since: None,
            round: Vec::new(),
            failed: Vec::new(),
            rounds: 0,
        };
        for one in tries {
            now = at.next_at.max(now) + micros(Duration::from_secs(one.late));
            if one.crashed && !at.status.is_end() {
                // As the claim of whoever takes over writes it.
                at.ambiguous = true;
                if at.status == Status::Running {
                    account.history.push((Outcome::NotSent(None), true));
                }
            }
            account.look(&spec, now >= deadline_at);
            match next(&spec, &at, deadline_at, now) {
                Next::Expire(to) => at = to,
                Next::Try => {}
                Next::Rest => {
                    prop_assert!(at.status.is_end() || at.status == Status::Parked);
                    break;
                }
            }
            account.agrees(&at)?;
            if at.status.is_end() {
                break;
            }
            match at.status {
                Status::Running => account.forward(&spec, one.outcome, now, now >= deadline_at),
                _ => account.backward(&spec, one.outcome, now),
            }
            at = advance(&spec, &at, deadline_at, one.outcome, now, 0.5);
            account.agrees(&at)?;
            prop_assert!(at.next_at <= now + micros(Duration::from_secs(61)));
        }
    }
}

//! Who waits, who runs next, and who is told to leave.

use std::{collections::VecDeque, time::Duration};

use super::{
    overload::Overload,
    pace::Pace,
    reason::Reason,
    seen::{Level, Seen},
};
use crate::common::clock::Instant;

/// The part of a configuration that the queue goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) max_queue: usize,
    pub(super) target: Duration,
    pub(super) interval: Duration,
}

/// What the queue knows of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) level: Level,
    /// Tells calls of the same level apart, 0 to 1.
    pub(super) chance: f64,
    pub(super) deadline: Option<Instant>,
}

/// A call that waits, with whatever is needed to wake it.
#[derive(Debug)]
struct Waiting<T> {
    slot: T,
    /// When it is shed, if it has not started by then.
    end: Instant,
    deadline: Option<Instant>,
}

/// The queue: one line for each priority.
///
/// While calls come and go it is first in, first out. Once it has not been empty for an interval it is
/// *congested*: those of whom some have to be shed wait no longer than the target, and the last one in is
/// the first one out, since the caller who has just come is the one who still waits for the answer. What
/// comes too late nevertheless tells how much to shed on arrival.
pub(super) struct Queue<T> {
    lines: [VecDeque<Waiting<T>>; Level::CLASSES],
    len: usize,
    /// Since when it has not been empty.
    standing_since: Option<Instant>,
    overload: Overload,
    seen: Seen,
    pace: Pace,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            lines: std::array::from_fn(|_| VecDeque::new()),
            len: 0,
            standing_since: None,
            overload: Overload::default(),
            seen: Seen::new(),
            pace: Pace::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_congested(&self) -> bool {
        self.overload.is_on()
    }

    /// A call arrives: counts it among the calls seen.
    pub(super) fn meet(&mut self, caller: &Caller, terms: &Terms, now: Instant) {
        self.look(terms, now);
        self.overload.arrived();
        self.seen.note(caller.level);
    }

    /// Whether a call that was met may go on, though something outside asks for a share to be shed, and
    /// though, unless there is plenty of `room`, more comes than can be done.
    pub(super) fn bear(&self, caller: &Caller, share: f64, room: bool) -> Result<(), Reason> {
        let is_in_least = |share: f64| self.seen.is_in_least(share, caller.level, caller.chance);
        if is_in_least(share) {
            Err(Reason::Pressure)
        } else if !room && is_in_least(self.overload.share()) {
            Err(Reason::Delay)
        } else {
            Ok(())
        }
    }

    /// A call that was met has found a place.
    pub(super) fn start(&mut self) {
        self.overload.started();
    }

    /// Whether a call that found no place may wait for one.
    pub(super) fn may_wait(
        &mut self,
        caller: &Caller,
        terms: &Terms,
        now: Instant,
    ) -> Result<(), Reason> {
        self.look(terms, now);
        let may = self.find_room(caller, terms, now);
        if matches!(may, Err(Reason::Full | Reason::Filling)) {
            self.overload.late();
        }
        may
    }

    fn find_room(&self, caller: &Caller, terms: &Terms, now: Instant) -> Result<(), Reason> {
        let class = caller.level.class();
        // Whoever matters more than somebody in the queue goes before him, or takes his place.
        let matters_more = self.least().is_some_and(|least| least < class);
        if !matters_more {
            // Half a queue is a burst. From there on the share that is shed grows with it, so that it
            // is not filled by those who matter least and ask most.
            let fill = self.len as f64 / terms.max_queue.max(1) as f64;
            let share = 2.0 * fill - 1.0;
            if self.seen.is_in_least(share, caller.level, caller.chance) && share < 1.0 {
                return Err(Reason::Filling);
            }
            // While it is congested, the one who has waited longest gives up his place.
            let replaces_an_equal = self.is_congested() && self.least() == Some(class);
            if self.len >= terms.max_queue && !replaces_an_equal {
                return Err(Reason::Full);
            }
        }
        let Some(deadline) = caller.deadline else {
            return Ok(());
        };
        let before: usize = self.lines[class + 1..].iter().map(VecDeque::len).sum();
        let before = before
            + if self.is_congested() {
                0
            } else {
                self.lines[class].len()
            };
        let wait = self.pace.wait(before, now).unwrap_or_default();
        if now + wait >= deadline {
            return Err(Reason::Deadline);
        }
        Ok(())
    }

    /// Takes in a call that may wait. Answers until when it does, and who has to leave for it.
    pub(super) fn push(
        &mut self,
        caller: &Caller,
        slot: T,
        terms: &Terms,
        now: Instant,
    ) -> (Instant, Option<T>) {
        let evicted = if self.len >= terms.max_queue {
            self.overload.late();
            self.yield_one()
        } else {
            None
        };
        self.overload.waited();
        // Who is above all those that are shed will have a place soon, and should not be lost to
        // their crowd.
        let is_above = || {
            self.seen
                .is_class_above(self.overload.share(), caller.level)
        };
        let end = if self.is_congested() && !is_above() {
            now + terms.target
        } else {
            now + terms.interval
        };
        self.lines[caller.level.class()].push_back(Waiting {
            slot,
            end,
            deadline: caller.deadline,
        });
        self.len += 1;
        self.standing_since.get_or_insert(now);
        (caller.deadline.map_or(end, |at| at.min(end)), evicted)
    }

    /// There is a place: who takes it? Those who have to leave come into `shed`.
    pub(super) fn next(
        &mut self,
        terms: &Terms,
        now: Instant,
        shed: &mut Vec<(T, Reason)>,
    ) -> Option<T> {
        self.look(terms, now);
        let congested = self.is_congested();
        let next = loop {
            let Some(line) = self.lines.iter_mut().rev().find(|line| !line.is_empty()) else {
                break None;
            };
            let waiting = if congested {
                line.pop_back()
            } else {
                line.pop_front()
            };
            let waiting = waiting.expect("the line is not empty");
            self.len -= 1;
            if waiting.deadline.is_some_and(|deadline| deadline <= now) {
                shed.push((waiting.slot, Reason::Deadline));
                continue;
            }
            break Some(waiting.slot);
        };
        if next.is_some() {
            self.overload.started();
            self.pace.started(now);
        }
        self.drop_late(now, shed);
        self.look(terms, now);
        next
    }

    /// A call leaves by itself, because it is late or because nobody waits for it any more; `None` if it
    /// is not there.
    pub(super) fn remove(
        &mut self,
        class: usize,
        is_late: bool,
        is_it: impl Fn(&T) -> bool,
        terms: &Terms,
        now: Instant,
    ) -> Option<T> {
        let line = &mut self.lines[class];
        // The one in front has waited longest, and is most likely the one who has had enough.
        let at = line.iter().position(|waiting| is_it(&waiting.slot))?;
        let removed = line.remove(at).map(|waiting| waiting.slot);
        self.len -= 1;
        if is_late {
            self.overload.late();
        }
        self.look(terms, now);
        removed
    }

    /// Those who have waited for too long, before their own timers say so.
    fn drop_late(&mut self, now: Instant, shed: &mut Vec<(T, Reason)>) {
        for line in &mut self.lines {
            while let Some(late) = line.pop_front_if(|waiting| waiting.end <= now) {
                self.len -= 1;
                self.overload.late();
                shed.push((late.slot, Reason::Delay));
            }
        }
    }

    /// The class of those in the queue who matter least.
    fn least(&self) -> Option<usize> {
        self.lines.iter().position(|line| !line.is_empty())
    }

    /// Takes out one of those who matter least.
    fn yield_one(&mut self) -> Option<T> {
        let congested = self.is_congested();
        let line = self.lines.iter_mut().find(|line| !line.is_empty())?;
        let out = if congested {
            line.pop_front()
        } else {
            line.pop_back()
        };
        self.len -= 1;
        out.map(|waiting| waiting.slot)
    }

    /// Finds out whether it is congested.
    pub(super) fn look(&mut self, terms: &Terms, now: Instant) {
        self.overload.look(now, terms.interval);
        if self.len == 0 {
            self.standing_since = None;
            self.pace.pause();
        } else if let Some(since) = self.standing_since
            && now.saturating_duration_since(since) >= terms.interval
        {
            self.overload.begin(now);
        }
    }
}

/// The share of calls that a pressure asks to be shed: none up to `from`, and never all of them, or
/// nobody would find out that the pressure has gone.
pub(super) fn share_of(pressure: f64, from: f64) -> f64 {
    let over = (pressure - from) / (1.0 - from);
    if over.is_nan() {
        return 0.0;
    }
    (over * MOST).clamp(0.0, MOST)
}

const MOST: f64 = 0.95;

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::{Event, bus::Types};

/// How many events of a partition a member reads ahead of its handlers.
const AHEAD: usize = 64;

/// One partition that this member has.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// None is what is no event.
    waiting: VecDeque<(i64, Option<Event>)>,
    /// How often the first of them was given out.
    attempts: u32,
    not_before: Option<Instant>,
    /// Which delivery has the first.
    held: Option<u64>,
    /// Where to go on, if that is not stored yet.
    done: Option<i64>,
    pub(super) is_paused: bool,
}

impl Lane {
    pub(super) fn push(&mut self, offset: i64, event: Option<Event>) {
        self.waiting.push_back((offset, event));
    }

    /// Gives the first event out that is wanted; those before it are passed over.
    pub(super) fn take(
        &mut self,
        types: &Types,
        holder: u64,
        now: Instant,
    ) -> Option<(Event, u32)> {
        if self.held.is_some() || self.not_before.is_some_and(|at| at > now) {
            return None;
        }
        let wanted = |event: &Event| types.contain(event.kind());
        while let Some((_, event)) = self.waiting.front() {
            if let Some(event) = event.as_ref().filter(|event| wanted(event)) {
                self.attempts = self.attempts.saturating_add(1);
                self.held = Some(holder);
                return Some((event.clone(), self.attempts));
            }
            self.go_on();
        }
        None
    }

    /// When it can give something out, if that is a matter of time alone.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        self.not_before.filter(|_| self.held.is_none())
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    pub(super) fn is_held_by(&self, holder: u64) -> bool {
        self.held == Some(holder)
    }

    /// The first one is done with.
    pub(super) fn go_on(&mut self) {
        if let Some((offset, _)) = self.waiting.pop_front() {
            self.done = Some(offset + 1);
        }
        self.again(None);
        self.attempts = 0;
    }

    /// The first one again.
    pub(super) fn again(&mut self, not_before: Option<Instant>) {
        self.not_before = not_before;
        self.held = None;
    }

    /// Where a successor should go on, if it was not asked yet.
    pub(super) fn take_done(&mut self) -> Option<i64> {
        self.done.take()
    }

    /// Whether reading should pause or go on now.
    pub(super) fn should_pause(&self) -> Option<bool> {
        match (self.is_paused, self.waiting.len()) {
            (false, AHEAD..) => Some(true),
            (true, ..AHEAD) => Some(false),
            _ => None,
        }
    }
}

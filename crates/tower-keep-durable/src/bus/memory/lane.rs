use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::super::Types;
use crate::Event;

/// One partition as one group sees it.
#[derive(Debug, Default)]
pub(super) struct Lane {
    waiting: VecDeque<Arc<Event>>,
    /// How often the first of them was given out.
    attempts: u32,
    not_before: Option<Instant>,
    /// Which holder, and until when it is believed to be alive.
    held: Option<(u64, Instant)>,
}

impl Lane {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, event: Arc<Event>) {
        self.waiting.push_back(event);
    }

    /// Gives the first event out that is wanted; those before it are passed over.
    pub(super) fn take(
        &mut self,
        types: &Types,
        holder: u64,
        now: Instant,
        lease: Duration,
    ) -> Option<(Arc<Event>, u32)> {
        if self.ready_at().is_some_and(|at| at > now) {
            return None;
        }
        while self
            .waiting
            .front()
            .is_some_and(|event| !types.contain(event.kind()))
        {
            self.go_on();
        }
        let event = self.waiting.front()?;
        self.attempts = self.attempts.saturating_add(1);
        self.held = Some((holder, now + lease));
        Some((Arc::clone(event), self.attempts))
    }

    /// When it can give something out, if that is a matter of time alone.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        let free = self.held.map(|(_, until)| until);
        free.max(self.not_before)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn is_held_by(&self, holder: u64) -> bool {
        self.held.is_some_and(|(by, _)| by == holder)
    }

    pub(super) fn prolong(&mut self, until: Instant) {
        if let Some((_, held)) = &mut self.held {
            *held = until;
        }
    }

    /// The first one is done with.
    pub(super) fn go_on(&mut self) {
        self.waiting.pop_front();
        self.attempts = 0;
        self.not_before = None;
        self.held = None;
    }

    /// The first one again.
    pub(super) fn again(&mut self, not_before: Option<Instant>) {
        self.not_before = not_before;
        self.held = None;
    }
}

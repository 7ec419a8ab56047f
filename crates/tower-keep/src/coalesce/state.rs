//! Who leads, who waits and what comes of it, for one key.

use std::{collections::VecDeque, sync::Arc, task::Waker, time::Duration};

use crate::common::clock::Instant;

/// Calls for the same answer.
#[derive(Debug)]
pub(super) struct Flight<T> {
    landed: Option<Landed<T>>,
    waiting: VecDeque<Waiting>,
    /// Counted as a leader already, and not asked since.
    promoted: Option<u64>,
    next: u64,
    leaders: usize,
    failures: u32,
    /// When the last leader took off.
    since: Instant,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    waker: Option<Waker>,
}

/// How a flight ended.
#[derive(Debug)]
pub(super) enum Landed<T> {
    /// With an answer for everybody.
    Answer(Arc<T>),
    /// Without one: everybody calls the service.
    Alone,
}

/// What one who waits does next.
#[derive(Debug)]
pub(super) enum Turn<T> {
    /// Answer with this.
    Answer(Arc<T>),
    /// Call the service, for itself.
    Alone,
    /// Call the service, for everybody.
    Lead,
}

/// What follows from a change.
#[derive(Debug, Default)]
pub(super) struct After {
    /// Those to be woken.
    pub(super) wake: Vec<Waker>,
    /// Whether calls that come now are another flight.
    pub(super) over: bool,
}

impl<T> Flight<T> {
    /// With its first leader.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            landed: None,
            waiting: VecDeque::new(),
            promoted: None,
            next: 0,
            leaders: 1,
            failures: 0,
            since: now,
        }
    }

    /// One more waits, if there is room.
    pub(super) fn join(&mut self, max_waiters: usize) -> Option<u64> {
        (self.waiting.len() < max_waiters).then(|| {
            let id = self.next;
            self.next += 1;
            self.waiting.push_back(Waiting { id, waker: None });
            id
        })
    }

    /// Whether it is the turn of `id`. If not, `waker` will be used once.
    pub(super) fn turn(&mut self, id: u64, waker: &Waker) -> Option<Turn<T>> {
        if self.promoted == Some(id) {
            self.promoted = None;
            return Some(Turn::Lead);
        }
        match &self.landed {
            Some(Landed::Answer(answer)) => return Some(Turn::Answer(answer.clone())),
            Some(Landed::Alone) => return Some(Turn::Alone),
            None => {}
        }
        if let Ok(at) = self.place(id) {
            match &mut self.waiting[at].waker {
                Some(old) => old.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        None
    }

    /// `id` leads too if the last leader took off `max_wait` ago; else says when that will be, or
    /// `None` if its turn has come meanwhile.
    pub(super) fn overtake(
        &mut self,
        id: u64,
        now: Instant,
        max_wait: Duration,
    ) -> Result<(), Option<Instant>> {
        let at = self.place(id).map_err(|_| None)?;
        let due = self.since + max_wait;
        if now < due {
            return Err(Some(due));
        }
        self.waiting.remove(at);
        self.leaders += 1;
        self.since = now;
        Ok(())
    }

    /// Where `id` waits: they stand in the order in which they came.
    fn place(&self, id: u64) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&id, |waiting| waiting.id)
    }

    /// One who waits gives up.
    pub(super) fn leave(&mut self, id: u64, now: Instant) -> After {
        if self.promoted == Some(id) {
            self.promoted = None;
            return self.give_up(now);
        }
        if let Ok(at) = self.place(id) {
            self.waiting.remove(at);
        }
        After::default()
    }

    /// A leader gives up without an answer.
    pub(super) fn give_up(&mut self, now: Instant) -> After {
        self.leaders -= 1;
        if self.leaders > 0 || self.landed.is_some() {
            return After::default();
        }
        let Some(next) = self.waiting.pop_front() else {
            return self.land(Landed::Alone);
        };
        self.leaders = 1;
        self.since = now;
        self.promoted = Some(next.id);
        After {
            wake: next.waker.into_iter().collect(),
            over: false,
        }
    }

    /// A leader got an error, or half an answer.
    pub(super) fn fail(&mut self, now: Instant, max_failures: u32) -> After {
        self.failures += 1;
        if self.failures >= max_failures {
            return self.land(Landed::Alone);
        }
        self.give_up(now)
    }

    /// It is over. The first one to say so is right.
    pub(super) fn land(&mut self, landed: Landed<T>) -> After {
        if self.landed.is_some() {
            return After::default();
        }
        self.landed = Some(landed);
        let waiting = std::mem::take(&mut self.waiting);
        After {
            wake: waiting.into_iter().filter_map(|one| one.waker).collect(),
            over: true,
        }
    }
}

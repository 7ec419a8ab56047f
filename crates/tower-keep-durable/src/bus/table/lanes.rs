use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use super::operation::{Change, Claim, ClaimId};
use crate::Event;

/// The partitions that one member has claimed.
#[derive(Debug)]
pub(super) struct Lanes {
    group: Arc<str>,
    lanes: Mutex<Vec<Lane>>,
    /// The member is gone: what its handlers leave is for others.
    closed: AtomicBool,
    /// One of them changed.
    pub(super) changed: Notify,
}

/// A claimed partition.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) claim: Claim,
    pub(super) state: State,
    /// What was read and is wanted, in order.
    pub(super) events: VecDeque<(i64, Event)>,
    /// Up to where was read.
    pub(super) end: i64,
    /// Which attempt the first of the events is.
    pub(super) attempt: i64,
    /// More than was read is wanted by now, or may be.
    pub(super) goes_on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Claimed, and nothing was read of it yet.
    Empty,
    /// The first of its events may be given out.
    Ready,
    /// One is out.
    Out,
    /// A change is on its way.
    Changing,
}

/// What to do next with them.
#[allow(
    clippy::large_enum_variant,
    reason = "one at a time, and moved once: a box would cost more"
)]
pub(super) enum Step {
    /// Give this out.
    Deliver(Handout),
    /// Read what there is.
    Read(Claim),
    /// The lease is to be prolonged first.
    Prolong(ClaimId),
    /// There is nothing but to claim another.
    Claim,
}

/// An event to be given out.
pub(super) struct Handout {
    pub(super) claim: ClaimId,
    pub(super) event: Event,
    pub(super) attempt: i64,
    /// What is done with once it is acknowledged.
    pub(super) to: i64,
    /// It is the last that was read.
    pub(super) last: bool,
}

impl Lanes {
    pub(super) fn new(group: Arc<str>) -> Self {
        Self {
            group,
            lanes: Mutex::default(),
            closed: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        // Nothing here panics half way through a change.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, claim: Claim) {
        let mut lanes = self.lock();
        // Claimed anew, what we knew of it is old.
        lanes.retain(|lane| lane.claim.id.part != claim.id.part);
        lanes.push(Lane {
            claim,
            state: State::Empty,
            events: VecDeque::new(),
            end: claim.passed,
            attempt: claim.attempts,
            goes_on: false,
        });
    }

    /// Up to where a partition was read, while it is ours.
    pub(super) fn read_to(&self, part: i64) -> Option<i64> {
        let lanes = self.lock();
        let lane = lanes.iter().find(|lane| lane.claim.id.part == part)?;
        // What was seen once need not be looked for again.
        Some(if lane.goes_on { i64::MAX } else { lane.end })
    }

    /// Something is wanted of it behind what was read. Once it is given back it can be claimed anew.
    pub(super) fn note_more(&self, part: i64) {
        let mut lanes = self.lock();
        if let Some(lane) = lanes.iter_mut().find(|lane| lane.claim.id.part == part) {
            lane.goes_on = true;
        }
    }

    /// Whether something is known to be wanted behind what was read.
    pub(super) fn goes_on(&self, claim: ClaimId) -> bool {
        let lanes = self.lock();
        let lane = lanes.iter().find(|lane| lane.claim.id == claim);
        lane.is_some_and(|lane| lane.goes_on)
    }

    /// What to do; `soon` is when a lease is too short to begin something.
    pub(super) fn step(&self, soon: i64) -> Step {
        let mut lanes = self.lock();
        for lane in &mut *lanes {
            match lane.state {
                State::Empty => return Step::Read(lane.claim),
                State::Ready if lane.claim.leased_until < soon => {
                    lane.state = State::Changing;
                    return Step::Prolong(lane.claim.id);
                }
                State::Ready => {
                    if let Some((position, event)) = lane.events.pop_front() {
                        lane.state = State::Out;
                        let last = lane.events.is_empty();
                        return Step::Deliver(Handout {
                            claim: lane.claim.id,
                            event,
                            attempt: std::mem::replace(&mut lane.attempt, 1),
                            to: if last { lane.end } else { position },
                            last,
                        });
                    }
                }
                State::Out | State::Changing => {}
            }
        }
        Step::Claim
    }

    /// What was read of it, and whether there may be more; false if none of it is wanted.
    pub(super) fn fill(
        &self,
        claim: ClaimId,
        events: VecDeque<(i64, Event)>,
        end: i64,
        goes_on: bool,
    ) -> bool {
        let mut lanes = self.lock();
        let Some(lane) = lanes.iter_mut().find(|lane| lane.claim.id == claim) else {
            return true;
        };
        let wanted = !events.is_empty();
        lane.state = if wanted {
            State::Ready
        } else {
            State::Changing
        };
        lane.events = events;
        lane.end = end;
        lane.goes_on = goes_on;
        wanted
    }

    /// A change was written, with the lease prolonged to `until`, or has failed. True if the
    /// partition is ours and nobody will ever take from it.
    #[must_use]
    pub(super) fn changed(&self, claim: ClaimId, change: Change, until: Option<i64>) -> bool {
        let mut lanes = self.lock();
        let Some(lane) = lanes.iter_mut().find(|lane| lane.claim.id == claim) else {
            return false;
        };
        match (until, lane.state) {
            (Some(until), state) if change.keeps() => {
                lane.claim.leased_until = until;
                let ended = matches!(change, Change::Pass { .. });
                if ended || state == State::Changing {
                    lane.state = State::Ready;
                    // Under the lock, as the look of `close`: one of the two sees the other.
                    if self.closed.load(Ordering::Relaxed) {
                        return true;
                    }
                }
            }
            // A handler goes on although its progress was not noted.
            (None, State::Out) if matches!(change, Change::Keep) => {}
            _ => lanes.retain(|lane| lane.claim.id != claim),
        }
        drop(lanes);
        self.changed.notify_waiters();
        false
    }

    /// It is not ours any more.
    pub(super) fn remove(&self, claim: ClaimId) {
        self.lock().retain(|lane| lane.claim.id != claim);
        self.changed.notify_waiters();
    }

    /// The member goes: those that nobody works on, to be given back.
    pub(super) fn close(&self) -> Vec<ClaimId> {
        let lanes = self.lock();
        self.closed.store(true, Ordering::Relaxed);
        let idle = lanes
            .iter()
            .filter(|lane| matches!(lane.state, State::Empty | State::Ready));
        idle.map(|lane| lane.claim.id).collect()
    }
}

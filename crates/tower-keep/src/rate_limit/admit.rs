//! How a call gets its permits, and how it gives them back.

use std::{
    task::{Context, Waker},
    time::Duration,
};

use super::{
    LAYER, MAX_LIMITS,
    line::{self, Turn, Words},
    shared::{Flags, Shared, now},
    state::Pace,
};
use crate::{
    common::{atomic::Relaxed, clock},
    context,
    observe::EventKind,
    rejection::{Kind, Rejection, Short, Why},
};

/// What became of a call that arrived.
pub(super) enum Admission {
    /// It may start.
    Start(Receipt),
    /// It may start when its turn comes.
    Wait(Ticket),
    Refused(Rejection),
}

/// There is no permit.
#[derive(Clone, Copy)]
pub(super) struct NoPermit;

impl Why for NoPermit {
    const LAYER: &'static str = LAYER;

    #[inline]
    fn kind(self) -> Kind {
        Kind::RateLimited
    }
}

/// The permits of a call that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    /// When the buckets were to be full after it: what has not grown back by now can be given back.
    ends: Words,
    /// What the buckets had given back by then; what they gave since makes the ends earlier.
    given: Words,
    costs: Words,
}

impl Receipt {
    /// For a call that was let in without permits.
    const FREE: Self = Self {
        ends: [0; MAX_LIMITS],
        given: [0; MAX_LIMITS],
        costs: [0; MAX_LIMITS],
    };

    /// When a bucket that has given back so much by now was to be full after it.
    fn end(&self, at: usize, given: u64) -> u64 {
        self.ends[at].saturating_sub(given - self.given[at])
    }

    fn is_free(&self) -> bool {
        self.costs == Self::FREE.costs
    }
}

/// A place in the line.
#[derive(Debug)]
pub(super) struct Ticket {
    id: u64,
    costs: Words,
    since: u64,
    /// When it is no longer worth waiting.
    latest: u64,
}

impl Shared {
    /// Lets the usual call in: one limit, a permit there, and nobody who wants to be told. If not, at
    /// what time there was none, 0 if nobody looked.
    #[inline]
    pub(super) fn admit_at_once(&self) -> Result<(), u64> {
        // The clock is not read where the way is the longer one.
        if self.quick.load(Relaxed) == 0 || self.emitter.wants_calls() {
            return Err(0);
        }
        let now = now();
        if self.buckets[0].take_one(&self.quick, now) {
            Ok(())
        } else {
            Err(now)
        }
    }

    /// Turns the usual call away, if that is what is done with a call that finds no permit.
    #[cold]
    #[inline(never)]
    pub(super) fn turn_away(&self, now: u64) -> Option<Short<NoPermit>> {
        if now == 0 || !self.turns_away() {
            return None;
        }
        let after = self.buckets[0].one_in(&self.quick, now)?;
        self.refused.fetch_add(1, Relaxed);
        let after = Duration::from_nanos(after);
        Some(Short::new(NoPermit, after, &self.emitter))
    }

    /// Asks for permits.
    pub(super) fn arrive(&self, cost: u64) -> Admission {
        let admission = if cost == 0 || !self.flags().has(Flags::ENABLED) {
            Admission::Start(Receipt::FREE)
        } else {
            let now = now();
            let (costs, factor) = (self.costs(cost), self.factor(now));
            match self.take(&costs, factor, now) {
                Some(receipt) => Admission::Start(receipt),
                None => match self.short_by(&costs, factor, now) {
                    Some(after) if self.max_wait() == 0 => self.refuse_or_pass(after),
                    _ => self.book(costs, factor, now),
                },
            }
        };
        if let Admission::Start(_) = admission {
            self.tell_admitted(Duration::ZERO);
        }
        admission
    }

    /// Takes permits that are there, without a lock.
    fn take(&self, costs: &Words, factor: f64, now: u64) -> Option<Receipt> {
        let mut receipt = Receipt {
            ends: [0; MAX_LIMITS],
            given: self.given(),
            costs: *costs,
        };
        let limits = &self.buckets[..self.limits()];
        // A look first, so that what one limit refuses is rarely taken from another.
        let fits = |at: usize| limits[at].has(costs[at], factor, now);
        if limits.len() > 1 && !(0..limits.len()).all(fits) {
            return None;
        }
        for (at, bucket) in limits.iter().enumerate() {
            match bucket.take(costs[at], factor, now) {
                Ok(end) => receipt.ends[at] = end,
                Err(_) => {
                    self.undo(at, costs, factor);
                    return None;
                }
            }
        }
        Some(receipt)
    }

    /// When the call would fit, or that it never will; `None` if it does now.
    fn short_by(&self, costs: &Words, factor: f64, now: u64) -> Option<Option<Duration>> {
        let limits = self.buckets[..self.limits()].iter().zip(costs);
        let mut start = now;
        for (bucket, cost) in limits {
            match bucket.next(*cost, factor, now) {
                Some(at) => start = start.max(at),
                None => return Some(None),
            }
        }
        (start > now).then(|| Some(Duration::from_nanos(start - now)))
    }

    /// Puts back what was just taken from the first limits.
    fn undo(&self, limits: usize, costs: &Words, factor: f64) {
        if limits > 0 {
            let _line = self.line();
            let (_, paces) = self.load();
            let prices = line::prices(&paces[..limits], costs, factor);
            for (bucket, price) in self.buckets[..limits].iter().zip(prices) {
                bucket.lower(price);
            }
        }
    }

    /// Books permits that are not there yet, if that is soon enough.
    fn book(&self, costs: Words, factor: f64, now: u64) -> Admission {
        let max_wait = self.max_wait();
        let mut latest = now + max_wait;
        if max_wait > 0
            && let Some(deadline) = context::deadline()
        {
            // Nobody waits for an answer after the deadline, so nobody waits for a permit either.
            latest = latest.min(clock::to_nanos(deadline.instant()));
        }
        let mut line = self.line();
        loop {
            let (words, paces) = self.load();
            let paces = &paces[..self.limits()];
            let fits = |(pace, cost): (&Pace, &u64)| pace.price(*cost).is_some();
            if !paces.iter().zip(&costs).all(fits) {
                drop(line);
                return self.refuse_or_pass(None);
            }
            let prices = line::prices(paces, &costs, factor);
            let (at, ends) = line::booked(paces, &words, &prices, now);
            if at > now && at > latest {
                drop(line);
                return self.refuse_or_pass(Some(Duration::from_nanos(at - now)));
            }
            let taken = (0..paces.len())
                .take_while(|at| self.buckets[*at].replace(words[*at], ends[*at]))
                .count();
            if taken < paces.len() {
                // A call took a permit in between: put back and look again.
                for at in 0..taken {
                    // All of it: the permits, and what was not to be saved up until the start.
                    let before = words[at].max(paces[at].grown(now));
                    let booked = ends[at].saturating_sub(before);
                    self.buckets[at].lower(booked);
                }
                continue;
            }
            let given = self.given();
            let receipt = Receipt { ends, given, costs };
            if at <= now || !self.enforce().applies() {
                return Admission::Start(receipt);
            }
            let id = line.join(words, costs, factor, at, ends);
            return Admission::Wait(Ticket {
                id,
                costs,
                since: now,
                latest,
            });
        }
    }

    fn refuse_or_pass(&self, after: Option<Duration>) -> Admission {
        if self.enforce().applies() {
            return Admission::Refused(self.refuse(after));
        }
        self.emitter.emit(EventKind::CallWouldBeRejected {
            kind: Kind::RateLimited,
        });
        Admission::Start(Receipt::FREE)
    }

    /// Turns a call away; `after` is when it would fit.
    pub(super) fn refuse(&self, after: Option<Duration>) -> Rejection {
        self.refused.fetch_add(1, Relaxed);
        self.emitter
            .refuse(Kind::RateLimited)
            .with_retry_after(after)
    }

    /// A permit is spent when its call starts, so the call is let in and out at the same moment.
    fn tell_admitted(&self, waited: Duration) {
        if self.emitter.wants_calls() {
            self.emitter.emit(EventKind::CallAdmitted { waited });
            self.emitter.emit(EventKind::CallReleased);
        }
    }

    /// Asks whether it is one's turn; if not, when it may be.
    pub(super) fn turn(&self, ticket: &Ticket, cx: &Context<'_>) -> Result<Receipt, NotYet> {
        let now = now();
        let (turn, given) = {
            let mut line = self.line();
            (line.turn(ticket.id, now, cx.waker()), self.given())
        };
        match turn {
            Turn::Start(ends) => {
                let costs = ticket.costs;
                self.tell_admitted(Duration::from_nanos(now.saturating_sub(ticket.since)));
                Ok(Receipt { ends, given, costs })
            }
            // It was put off, by a slower pace or a service that asked us to wait.
            Turn::NotBefore(at) if at > ticket.latest => {
                Err(NotYet::TooLate(Duration::from_nanos(at - now)))
            }
            Turn::NotBefore(at) => Err(NotYet::Until(clock::from_nanos(at))),
        }
    }

    /// Leaves the line; those behind move up.
    pub(super) fn leave(&self, ticket: &Ticket) {
        let mut line = self.line();
        let woken = self.unbook(&mut line, ticket.id);
        drop(line);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Gives back what an admitted call took, as far as it has not grown back already.
    pub(super) fn give_back(&self, receipt: &Receipt) {
        let now = now();
        self.steer(now, |booked, paces| {
            let given = self.given();
            for (at, pace) in paces.iter().enumerate() {
                let price = pace.worth(receipt.costs[at]);
                let end = receipt.end(at, given[at]);
                booked[at] = booked[at].saturating_sub(pace.refund(end, now, price));
            }
        });
    }

    /// Corrects what an admitted call took from the limits of cost: more than is there becomes a debt.
    /// Returns whom to wake.
    #[must_use]
    pub(super) fn settle(&self, receipt: &mut Receipt, actual: u64) -> Vec<Waker> {
        if receipt.is_free() {
            return Vec::new();
        }
        let now = now();
        let costs = self.costs(actual);
        let mut line = self.line();
        let woken = self.adjust(&mut line, now, |booked, paces| {
            let given = self.given();
            for (at, pace) in paces.iter().enumerate() {
                receipt.ends[at] = receipt.end(at, given[at]);
                receipt.given[at] = given[at];
                let (before, after) = (receipt.costs[at], costs[at]);
                if after > before {
                    let more = pace.worth(after - before);
                    booked[at] = pace.book(booked[at], now, more).full_at;
                    receipt.ends[at] += more;
                } else {
                    let less = pace.worth(before - after);
                    let less = pace.refund(receipt.ends[at], now, less);
                    booked[at] = booked[at].saturating_sub(less);
                    receipt.ends[at] -= less;
                    // What this lowers the bucket by is in its end already.
                    receipt.given[at] += less;
                }
            }
        });
        receipt.costs = costs;
        woken
    }

    /// Lets nobody start for a while, at least for as long as an empty bucket takes to get a permit, and
    /// leaves one permit for the end of it. The first limit does it, which every call has to pass.
    pub(super) fn pause(&self, time: Duration) {
        let now = now();
        let until = now + clock::whole_nanos(time.min(clock::YEAR));
        self.steer(now, |booked, paces| {
            let until = until.max(now + paces[0].interval);
            booked[0] = paces[0].drained(booked[0], until);
        });
    }

    /// Takes every permit that is there.
    pub(super) fn drain(&self) {
        let now = now();
        self.steer(now, |booked, paces| {
            for (booked, pace) in booked.iter_mut().zip(paces) {
                *booked = pace.drained(*booked, now + pace.interval);
            }
        });
    }

    /// Changes what is booked, and wakes whom it concerns.
    fn steer(&self, now: u64, change: impl FnOnce(&mut Words, &[Pace])) {
        let mut line = self.line();
        let woken = self.adjust(&mut line, now, change);
        drop(line);
        woken.into_iter().for_each(Waker::wake);
    }
}

/// It is not one's turn.
pub(super) enum NotYet {
    Until(clock::Instant),
    /// Nor will it be in time; when it would be.
    TooLate(Duration),
}

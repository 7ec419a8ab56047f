//! The calls that wait for permits, in the order in which they came.
//!
//! Each has booked its permits, so it knows when it may start. When one leaves, or the pace changes,
//! those behind it are booked again as if they came now, which brings them forward as far as the limits
//! allow and never past each other.

use std::{collections::VecDeque, mem, task::Waker};

use super::{bucket::scaled, config::MAX_LIMITS, state::Pace};

/// A word for each limit.
pub(super) type Words = [u64; MAX_LIMITS];

#[derive(Debug, Default)]
pub(super) struct Line {
    next_id: u64,
    /// When the buckets would be full if nobody waited. Kept while somebody does.
    base: Words,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    /// What it costs each limit.
    costs: Words,
    /// How much more than usual it costs.
    factor: f64,
    /// What calls took that did not wait, between the one before and this one.
    gap: Words,
    /// When the buckets will be full after it.
    ends: Words,
    /// When it may start.
    at: u64,
    /// It has started when it was due, before one that came earlier and was not polled.
    started: bool,
    waker: Option<Waker>,
}

/// What one who waits finds.
pub(super) enum Turn {
    /// It may start: the permits it has.
    Start(Words),
    /// Not before this moment.
    NotBefore(u64),
}

/// What a call takes from each limit, in the time in which it grows back.
pub(super) fn prices(paces: &[Pace], costs: &Words, factor: f64) -> Words {
    let mut prices = [0; MAX_LIMITS];
    for (price, (pace, cost)) in prices.iter_mut().zip(paces.iter().zip(costs)) {
        *price = scaled(pace, pace.worth(*cost).min(pace.tolerance), factor);
    }
    prices
}

/// When a call may start for which all limits have permits, and when they will be full after it.
pub(super) fn booked(paces: &[Pace], full_at: &Words, prices: &Words, now: u64) -> (u64, Words) {
    let bookings = |now| {
        let limits = paces.iter().zip(full_at.iter().zip(prices));
        limits.map(move |(pace, (full_at, price))| pace.book(*full_at, now, *price))
    };
    let start = bookings(now)
        .map(|one| one.at)
        .max()
        .unwrap_or(now)
        .max(now);
    // As if it came when it starts: what grows in one bucket while it waits for another is not saved up
    // for a burst later.
    let mut ends = *full_at;
    for (end, booking) in ends.iter_mut().zip(bookings(start)) {
        *end = booking.full_at;
    }
    (start, ends)
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.waiting.iter().filter(|one| !one.started).count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The moments at which the buckets are full after the last who waits.
    pub(super) fn tail(&self) -> Words {
        self.waiting.back().map_or(self.base, |last| last.ends)
    }

    /// Stands at the end, with what was booked after `full_at`.
    pub(super) fn join(
        &mut self,
        full_at: Words,
        costs: Words,
        factor: f64,
        at: u64,
        ends: Words,
    ) -> u64 {
        if self.waiting.is_empty() {
            self.base = full_at;
        }
        let tail = self.tail();
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.push_back(Waiter {
            id,
            costs,
            factor,
            gap: std::array::from_fn(|limit| full_at[limit].saturating_sub(tail[limit])),
            ends,
            at,
            started: false,
            waker: None,
        });
        id
    }

    fn place(&self, id: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&id, |one| one.id).ok()
    }

    /// Asks whether one may start; if not, it is woken when its moment changes.
    pub(super) fn turn(&mut self, id: u64, now: u64, waker: &Waker) -> Turn {
        let place = self
            .place(id)
            .expect("in the line until it starts or leaves");
        let one = &mut self.waiting[place];
        if one.at > now {
            match &mut one.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
            return Turn::NotBefore(one.at);
        }
        one.started = true;
        one.at = now;
        let ends = one.ends;
        self.forget_started();
        Turn::Start(ends)
    }

    /// Those at the front that have started are part of what is booked for good.
    fn forget_started(&mut self) {
        while self.waiting.front().is_some_and(|first| first.started) {
            self.base = self.waiting.pop_front().expect("looked at above").ends;
        }
    }

    /// One leaves without starting. Returns what calls took before it that did not wait, if nobody is
    /// left after it to say so; `None` if it is not there any more.
    pub(super) fn leave(&mut self, id: u64) -> Option<Words> {
        let place = self.place(id)?;
        let gone = self.waiting.remove(place)?;
        let mut left = gone.gap;
        if let Some(next) = self.waiting.get_mut(place) {
            for (gap, more) in next.gap.iter_mut().zip(&mut left) {
                *gap += mem::take(more);
            }
        }
        self.forget_started();
        Some(left)
    }

    /// Changes what is booked for good, before all who wait.
    pub(super) fn rebase(&mut self, change: impl FnOnce(&mut Words)) {
        change(&mut self.base);
    }

    /// Takes over other paces: `convert` for moments, `scale` for lengths of time.
    pub(super) fn convert(
        &mut self,
        convert: impl Fn(usize, u64) -> u64,
        scale: impl Fn(usize, u64) -> u64,
    ) {
        for (limit, word) in self.base.iter_mut().enumerate() {
            *word = convert(limit, *word);
        }
        for one in &mut self.waiting {
            for (limit, word) in one.gap.iter_mut().enumerate() {
                *word = scale(limit, *word);
            }
        }
    }

    /// Lets everybody start. Returns whom to wake.
    pub(super) fn release(&mut self, now: u64) -> Vec<Waker> {
        let mut woken = Vec::new();
        for one in &mut self.waiting {
            one.at = one.at.min(now);
            woken.extend(one.waker.take());
        }
        woken
    }

    /// Books everybody again who has not started. Returns what is booked after the last, and whom to wake
    /// because his moment has changed.
    pub(super) fn rebook(&mut self, paces: &[Pace], now: u64) -> (Words, Vec<Waker>) {
        let mut full_at = self.base;
        let mut woken = Vec::new();
        for one in &mut self.waiting {
            for (word, gap) in full_at.iter_mut().zip(one.gap) {
                *word += gap;
            }
            let came = if one.started { one.at } else { now };
            let prices = prices(paces, &one.costs, one.factor);
            let (at, ends) = booked(paces, &full_at, &prices, came);
            if !one.started && at != one.at {
                one.at = at;
                woken.extend(one.waker.take());
            }
            one.ends = ends;
            full_at = ends;
        }
        (full_at, woken)
    }

    /// What calls took that did not wait, after the last who does.
    pub(super) fn beyond(&self, full_at: &Words) -> Words {
        let tail = self.tail();
        std::array::from_fn(|limit| full_at[limit].saturating_sub(tail[limit]))
    }
}

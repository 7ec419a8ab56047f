use std::ops::{Deref, DerefMut};

use super::{
    Counts,
    stock::{MOST, Stock},
    stocks::Stocks,
};
use crate::common::{
    atomic::{Acquire, AtomicU32, AtomicU64, Relaxed, Release},
    stripe::Stripe,
    sync::{self, Mutex, MutexGuard},
};

/// So many places, and a line of calls that wait for one.
///
/// A place is a token: it is free, in one of the stocks, or a call has it. There are never more than
/// the limit, so however calls come and go, no more than that run. Where a call has to run though none
/// is free, or the limit comes down on calls that run, there are too many: that is a debt, and the
/// next places that come back pay it.
///
/// Usually a call takes a place from a stock and puts it back, with one atomic step each. While
/// somebody waits or there is a debt, the bells of all stocks are up: no call takes a place from one
/// then, and each that puts one back settles the line, under the lock.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Room<L> {
    /// How many may run, how many may wait, and how many do. Written under the lock, and read by
    /// themselves; a call that arrives during a change is judged by the old or the new value.
    limit: AtomicU32,
    max_queue: AtomicU32,
    waiting: AtomicU32,
    /// Whether the bells are up, 0 or 1. Written under the lock; release, after `total`.
    bells: AtomicU32,
    /// The places that there are: as many as may run, and what is owed. Written under the lock.
    total: AtomicU64,
    stocks: Stocks,
    line: Stripe<Mutex<L>>,
}

/// Those who wait.
pub(crate) trait Line {
    /// How many.
    fn len(&self) -> usize;
}

/// The line, locked.
pub(crate) struct Locked<'a, L> {
    room: &'a Room<L>,
    line: MutexGuard<'a, L>,
}

/// Whose turn it is: takes the next to run out of the line, given whether a place is free, and says
/// whether there is one. Whoever it takes does run.
pub(crate) trait Turn<L>: FnMut(&mut L, bool) -> bool {}

impl<L, F: FnMut(&mut L, bool) -> bool> Turn<L> for F {}

impl<L: Line> Room<L> {
    /// One without any places.
    pub(crate) fn new(line: L) -> Self {
        Self::with(line, Stocks::one())
    }

    /// One where threads keep out of each other's way.
    #[cfg(feature = "bulkhead")]
    pub(super) fn spread(line: L) -> Self {
        Self::with(line, Stocks::one_for_each_thread())
    }

    fn with(line: L, stocks: Stocks) -> Self {
        Self {
            limit: AtomicU32::new(0),
            max_queue: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            bells: AtomicU32::new(0),
            total: AtomicU64::new(0),
            stocks,
            line: Stripe(Mutex::new(line)),
        }
    }

    #[inline]
    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    #[inline]
    pub(crate) fn max_queue(&self) -> u32 {
        self.max_queue.load(Relaxed)
    }

    /// How many wait.
    #[inline]
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Relaxed)
    }

    /// How many run and wait. While calls come and go it is as exact as a look around can be.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts()
    }

    /// How many run; quicker.
    #[inline]
    pub(crate) fn running(&self) -> u32 {
        let total = self.total.load(Relaxed);
        let free = self.stocks.free();
        // Not in the middle of a change, when places are in no stock and are no call's either.
        if self.bells.load(Acquire) == 0 && self.total.load(Relaxed) == total {
            return total.saturating_sub(free) as u32;
        }
        self.counts().running
    }

    /// Takes a place if one is free and nobody waits for it. To be given back to the stock that it
    /// answers, or to this thread's.
    #[inline]
    pub(super) fn take(&self) -> Option<&Stock> {
        self.stocks.take()
    }

    /// The stock of this thread.
    #[inline]
    pub(super) fn own(&self) -> &Stock {
        self.stocks.own()
    }

    /// That of another thread.
    #[cfg(test)]
    pub(super) fn stock_of(&self, thread: usize) -> &Stock {
        let stocks: Vec<_> = self.stocks.iter().collect();
        stocks[thread % stocks.len()]
    }

    /// Takes a place if one is free and nobody waits for it.
    #[inline]
    pub(crate) fn try_run(&self) -> bool {
        self.take().is_some()
    }

    #[inline]
    pub(crate) fn count_refused(&self) {
        self.stocks.own().count_refused();
    }

    /// How many were turned away.
    pub(crate) fn refused(&self) -> u64 {
        self.stocks.iter().map(Stock::refused).sum()
    }

    pub(super) fn forget_refused(&self) {
        self.stocks.iter().for_each(Stock::forget_refused);
    }

    /// Whether the threads have stocks of their own.
    #[cfg(feature = "bulkhead")]
    pub(super) fn is_spread(&self) -> bool {
        !self.stocks.is_one()
    }

    pub(crate) fn lock(&self) -> Locked<'_, L> {
        Locked {
            room: self,
            line: sync::lock(&self.line.0),
        }
    }
}

impl<L: Line> Locked<'_, L> {
    /// How many run and wait.
    pub(crate) fn counts(&self) -> Counts {
        let running = self.total().saturating_sub(self.room.stocks.free());
        Counts {
            running: running as u32,
            waiting: self.line.len() as u32,
        }
    }

    /// So many from now on. Whoever waits may have a place now; whoever runs keeps his.
    pub(crate) fn configure(&mut self, limit: u32, max_queue: u32, turn: impl Turn<L>) {
        self.room.limit.store(limit, Relaxed);
        self.room.max_queue.store(max_queue, Relaxed);
        let total = self.total();
        if let Some(more) = self.allowed().checked_sub(total) {
            let _ = self.room.stocks.own().put(more);
            self.set_total(total + more);
        }
        self.settle(turn);
    }

    /// Has a call run that found no place: makes one, that is owed.
    pub(crate) fn overrun(&mut self, turn: impl Turn<L>) {
        self.set_total(self.total() + 1);
        self.settle(turn);
    }

    /// Pays debts, and lets those run whose turn it is.
    pub(crate) fn settle(&mut self, mut turn: impl Turn<L>) {
        // First, so that whatever is put into a stock that was searched already comes with a ring.
        self.set_bells();
        while self.wants_places() {
            self.pay();
            if self.line.len() == 0 {
                break;
            }
            let is_free = self.owed() == 0 && self.search(1) == 1;
            if !turn(&mut self.line, is_free) {
                if is_free {
                    let _ = self.room.stocks.own().put(1);
                }
                break;
            }
            if !is_free {
                self.set_total(self.total() + 1);
            }
        }
        self.set_bells();
    }

    /// Has the bells as they should be.
    pub(crate) fn set_bells(&self) {
        self.room.waiting.store(self.line.len() as u32, Relaxed);
        let (are, should) = (
            self.room.bells.load(Relaxed),
            u32::from(self.wants_places()),
        );
        if are != should {
            // In between is a change, for those who look from outside.
            self.room.bells.store(1, Release);
            self.room
                .stocks
                .iter()
                .for_each(|stock| stock.set_bell(should == 1));
            self.room.bells.store(should, Release);
        }
    }

    fn wants_places(&self) -> bool {
        self.line.len() > 0 || self.owed() > 0
    }

    fn pay(&self) {
        let owed = self.owed();
        if owed > 0 {
            let paid = self.search(owed);
            self.set_total(self.total() - paid);
        }
    }

    /// Takes free places, wherever they are.
    fn search(&self, most: u64) -> u64 {
        let mut left = most;
        for stock in self.room.stocks.iter() {
            left -= stock.take_up_to(left);
        }
        most - left
    }

    /// How many places there are too many.
    fn owed(&self) -> u64 {
        self.total().saturating_sub(self.allowed())
    }

    /// How many places there may be. More than can be counted is as good as any number.
    fn allowed(&self) -> u64 {
        u64::from(self.room.limit().min(MOST))
    }

    pub(super) fn total(&self) -> u64 {
        self.room.total.load(Relaxed)
    }

    fn set_total(&self, total: u64) {
        self.room.total.store(total, Relaxed);
    }
}

impl<L> Deref for Locked<'_, L> {
    type Target = L;

    fn deref(&self) -> &L {
        &self.line
    }
}

impl<L> DerefMut for Locked<'_, L> {
    fn deref_mut(&mut self) -> &mut L {
        &mut self.line
    }
}

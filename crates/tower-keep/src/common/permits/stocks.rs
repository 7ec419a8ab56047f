use super::stock::Stock;
use crate::common::stripe::Row;

/// The free places of a room: in one stock, or in one for each thread.
///
/// A call gives its place back to its own thread's stock, wherever it came from. So a thread that is
/// busy soon has as many as it needs, and writes to nobody else's cache lines.
#[derive(Debug)]
pub(super) struct Stocks(Row<Stock>);

impl Stocks {
    pub(super) fn one() -> Self {
        Self(Row::of_one())
    }

    #[cfg(feature = "bulkhead")]
    pub(super) fn one_for_each_thread() -> Self {
        Self(Row::of_all())
    }

    pub(super) fn is_one(&self) -> bool {
        self.0.is_one()
    }

    /// The one that this thread looks at first.
    #[inline]
    pub(super) fn own(&self) -> &Stock {
        self.0.mine()
    }

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Stock> {
        self.0.iter()
    }

    /// How many places are free; about, while calls come and go.
    #[inline]
    pub(super) fn free(&self) -> u64 {
        self.iter().map(|stock| stock.look().free()).sum()
    }

    /// Takes a place from whoever has one, and answers the stock to put it back into. None only if there
    /// was a moment at which nobody had one to be taken.
    #[inline]
    pub(super) fn take(&self) -> Option<&Stock> {
        let own = self.own();
        // If there is but one, then the moment was when that was empty.
        let has = own.take() || !self.is_one() && self.take_any();
        has.then_some(own)
    }

    #[cold]
    #[inline(never)]
    fn take_any(&self) -> bool {
        loop {
            // There was none, in one stock after the other. If nothing was put into any since, there
            // was none in all of them at once when the first look was over.
            let before = self.puts_if_none();
            if before.is_some() && self.puts_if_none() == before {
                return false;
            }
            if self.iter().any(Stock::take) {
                return true;
            }
        }
    }

    /// If there is none to be taken, how often places were put in.
    #[inline]
    fn puts_if_none(&self) -> Option<u64> {
        let mut puts = 0;
        for stock in self.iter() {
            let seen = stock.look();
            if seen.may_take() {
                return None;
            }
            puts += seen.puts();
        }
        Some(puts)
    }
}

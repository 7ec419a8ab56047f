//! How many of the recent calls were bad: windows that slide, without a lock, at a cost that does
//! not grow with the calls in them.
//!
//! Recording is one or two atomic updates; counting looks at every word of the window, so count only
//! when the answer can matter: after a bad outcome, never after a good one.
//!
//! Every word carries the generation it was written in. A generation begins with
//! `clear`; a straggler that still records into an earlier one cannot touch what belongs to a later
//! one, and is not counted there.
//!
//! **Orderings.** The words are data of their own and publish nothing, so all access is relaxed.
//! What has to hold is that of two calls that record at the same moment and then count, at least one
//! sees both; [`Counts`] are therefore taken after a [`settle`] by each, and two sequentially
//! consistent fences between a write and a read on each side guarantee just that.

mod count;
#[cfg(all(test, keep_loom))]
mod models;
mod ring;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "throttle"))]
mod time;

#[cfg(any(test, feature = "throttle"))]
pub(crate) use self::time::TimeWindow;
pub(crate) use self::{count::CountWindow, ring::Ring};

use std::ops::{Add, Sub};

use super::atomic::{SeqCst, fence};

/// What a window remembers of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) bad: bool,
    pub(crate) slow: bool,
}

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) total: u64,
    pub(crate) bad: u64,
    pub(crate) slow: u64,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            bad: self.bad + other.bad,
            slow: self.slow + other.slow,
        }
    }
}

/// Of a sum, what is left without a part of it; none, if more was counted since then.
impl Sub for Counts {
    type Output = Self;

    fn sub(self, part: Self) -> Self {
        Self {
            total: self.total.saturating_sub(part.total),
            bad: self.bad.saturating_sub(part.bad),
            slow: self.slow.saturating_sub(part.slow),
        }
    }
}

/// Stands between recording and counting; pairs with the same fence in every other thread.
pub(crate) fn settle() {
    fence(SeqCst);
}

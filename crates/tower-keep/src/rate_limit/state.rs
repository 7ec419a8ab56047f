//! A bucket of permits as one moment: when it will be full.
//!
//! That is GCRA, the generic cell rate algorithm: a permit that is taken moves the moment on by the time
//! in which it grows back. A bucket whose moment has passed is full; one whose moment is further away
//! than an empty bucket takes to fill up owes permits to calls that wait for them.

/// How fast a bucket fills, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// A permit grows back in this time; at least 1.
    pub(super) interval: u64,
    /// An empty bucket is full after this time: `interval` for each permit it holds.
    pub(super) tolerance: u64,
    /// 0: permits grow one by one. Otherwise they come all at once, each time this has passed.
    pub(super) step: u64,
    /// The moment that steps are counted from.
    pub(super) anchor: u64,
}

/// Whether a call may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Booking {
    /// When the bucket will be full, with the call's permits taken.
    pub(super) full_at: u64,
    /// When the call may start; not later than the present if it may start now.
    pub(super) at: u64,
}

impl Pace {
    /// The moment up to which permits have grown by `now`.
    #[inline]
    pub(super) fn grown(&self, now: u64) -> u64 {
        match self.step {
            0 => now,
            step => now - now.saturating_sub(self.anchor) % step,
        }
    }

    /// The time in which so many permits grow back; `None` if the bucket never holds as many.
    #[inline]
    pub(super) fn price(&self, cost: u64) -> Option<u64> {
        self.interval
            .checked_mul(cost)
            .filter(|price| *price <= self.tolerance)
    }

    /// The same without a bound but a year, for what was taken already.
    pub(super) fn worth(&self, cost: u64) -> u64 {
        self.interval.saturating_mul(cost).min(1 << 55)
    }

    /// Takes permits worth `price`, which the bucket can hold, as soon as they are there.
    #[inline]
    pub(super) fn book(&self, full_at: u64, now: u64, price: u64) -> Booking {
        let full_at = full_at.max(self.grown(now)) + price;
        Booking {
            full_at,
            at: self.starts(full_at),
        }
    }

    /// When a call may start that leaves the bucket to be full at `full_at`.
    #[inline]
    pub(super) fn starts(&self, full_at: u64) -> u64 {
        let at = full_at.saturating_sub(self.tolerance);
        match self.step {
            0 => at,
            step => {
                let steps = at.saturating_sub(self.anchor).div_ceil(step);
                self.anchor + steps * step
            }
        }
    }

    /// How many permits there are.
    pub(super) fn left(&self, full_at: u64, now: u64) -> u64 {
        let grown = self.grown(now);
        (grown + self.tolerance).saturating_sub(full_at.max(grown)) / self.interval
    }

    /// How much of a price can be given back that was paid by the booking that ended in `full_at`: as
    /// much as has not grown back yet. More would let a bucket that was full in between hold more than
    /// it can.
    pub(super) fn refund(&self, full_at: u64, now: u64, price: u64) -> u64 {
        full_at.saturating_sub(self.grown(now)).min(price)
    }

    /// The bucket with nothing in it until `until`, and one permit then.
    pub(super) fn drained(&self, full_at: u64, until: u64) -> u64 {
        full_at.max(until + self.tolerance - self.interval)
    }

    /// The same number of permits, present or owed, at another pace; no more than fit.
    pub(super) fn convert(&self, to: &Self, full_at: u64, now: u64) -> u64 {
        let (from_grown, to_grown) = (i128::from(self.grown(now)), i128::from(to.grown(now)));
        let missing = (i128::from(full_at) - from_grown).max(0);
        let present = i128::from(self.tolerance) - missing;
        // Rounded down: what is present becomes less and what is owed becomes more.
        let present = (present * i128::from(to.interval)).div_euclid(i128::from(self.interval));
        let missing = (i128::from(to.tolerance) - present).max(0);
        u64::try_from(to_grown + missing).unwrap_or(u64::MAX >> 2)
    }

    /// Whether the bucket is full.
    pub(super) fn is_full(&self, full_at: u64, now: u64) -> bool {
        full_at <= self.grown(now)
    }
}

/// How many times a permit's usual price a permit costs while the service behind warms up: from three
/// times at the start evenly down to once.
pub(super) fn warming(started: u64, now: u64, warm_up: u64) -> Option<f64> {
    let passed = now.saturating_sub(started);
    if passed >= warm_up {
        return None;
    }
    let share = 1.0 / COLD + (1.0 - 1.0 / COLD) * (passed as f64 / warm_up as f64);
    Some(1.0 / share)
}

/// A cold service takes a third of what it takes when it is warm: what other limiters start with.
const COLD: f64 = 3.0;

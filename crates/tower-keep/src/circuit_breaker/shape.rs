use std::time::Duration;

use super::config::Window;
use crate::common::window::{CountWindow, Ring};

/// What a breaker counts in, in a word that every call can read.
pub(super) enum Shape {
    Count(usize),
    Time(Ticks),
}

impl Shape {
    pub(super) fn of(window: Window) -> Self {
        match window {
            Window::Count(len) => Self::Count(len),
            Window::Time(time) => {
                let ticks = Duration::from_millis(Ring::TICKS);
                Self::Time(Ticks::of(time.as_nanos().div_ceil(ticks.as_nanos()) as u64))
            }
        }
    }

    pub(super) fn pack(self) -> u64 {
        match self {
            Self::Count(len) => len as u64,
            Self::Time(ticks) => ticks.0,
        }
    }

    /// A length is small; what ticks are kept as is not, if they are shorter than a century.
    #[inline]
    pub(super) fn unpack(word: u64) -> Self {
        if word > CountWindow::MAX_LEN as u64 {
            Self::Time(Ticks(word))
        } else {
            Self::Count(word as usize)
        }
    }
}

/// Ticks of so many milliseconds, kept as the ticks in [`ONE`] millisecond, rounded up: a product
/// takes a tenth of the time of a division.
#[derive(Clone, Copy)]
pub(super) struct Ticks(u64);

impl Ticks {
    fn of(millis: u64) -> Self {
        Self(ONE.div_ceil(millis))
    }

    pub(super) fn millis(self) -> u64 {
        ONE.div_ceil(self.0)
    }

    /// The tick that such a millisecond is in. Exact for thirty years: what was rounded up has not grown
    /// to a tick until the product of both is [`ONE`].
    #[inline]
    pub(super) fn at(self, millis: u64) -> u64 {
        ((u128::from(millis) * u128::from(self.0)) >> SHIFT) as u64
    }
}

const SHIFT: u32 = 63;
const ONE: u64 = 1 << SHIFT;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A tenth of the longest window.
    const LONGEST: u64 = 24 * 60 * 60 * 100;
    const THIRTY_YEARS: u64 = 30 * 366 * 24 * 60 * 60 * 1000;

    proptest! {
        #[test]
        fn a_tick_is_the_quotient(
            tick in prop_oneof![1..100_u64, 1..=LONGEST],
            nth in 0..THIRTY_YEARS,
            off in 0..3_u64,
        ) {
            let Shape::Time(ticks) = Shape::unpack(Ticks::of(tick).0) else {
                panic!("taken for a length");
            };
            prop_assert_eq!(ticks.millis(), tick);
            // At both ends of a tick, where rounding would show.
            for millis in [nth, (nth / tick * tick + off).saturating_sub(1)] {
                prop_assert_eq!(ticks.at(millis), millis / tick);
            }
        }
    }
}

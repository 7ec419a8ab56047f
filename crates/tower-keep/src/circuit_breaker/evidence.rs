/// Some of the calls of a time, such as those that failed, and all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) part: u64,
    pub(super) of: u64,
}

impl Share {
    /// Whether it is at most this rate.
    fn is_at_most(self, rate: f64) -> bool {
        self.part as f64 <= rate * self.of as f64
    }

    /// How much more likely it is at `rate` than at half of it, as a logarithm.
    fn speaks_for(self, rate: f64) -> f64 {
        // Slow calls are counted apart, so one may be seen before the call it is.
        let good = self.of.saturating_sub(self.part) as f64;
        let against = if good > 0.0 {
            good * ((1.0 - rate / 2.0) / (1.0 - rate)).ln()
        } else {
            0.0
        };
        self.part as f64 * std::f64::consts::LN_2 - against
    }
}

/// Whether what was well before has become as bad as `rate` now, as far as so few calls can tell.
///
/// The likelihood ratio test of Wald between the rate and half of it: each bad call speaks for the one
/// and each good call for the other, and what they say is added up until one of the two is [`SURE`]ly
/// not it. A true share of just the rate is seen as less of it half of the time, so a tenth less will do.
///
/// That would be too little to part a service that fails now from one that always fails nearly as much,
/// and no rule could in so short a time. What came before can.
pub(super) fn is_enough(now: Share, before: Share, rate: f64) -> bool {
    !now.is_at_most(NEARLY * rate) && before.is_at_most(rate / 4.0) && now.speaks_for(rate) >= SURE
}

/// A hundred thousand to one, as a logarithm.
const SURE: f64 = 11.512_925_464_970_229;
const NEARLY: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Share = Share { part: 0, of: 100 };

    fn share(part: u64, of: u64) -> Share {
        Share { part, of }
    }

    /// The least number of calls, of which this share is bad, that is enough.
    fn least(bad: f64, rate: f64) -> Option<u64> {
        (1..10_000).find(|of| is_enough(share((bad * *of as f64).ceil() as u64, *of), WELL, rate))
    }

    #[test]
    fn the_worse_it_is_the_fewer_calls_are_enough() {
        for (bad, rate, calls) in [
            (1.0, 0.5, Some(17)),
            (0.75, 0.5, Some(27)),
            (0.5, 0.5, Some(77)),
            (0.46, 0.5, Some(107)),
            (0.25, 0.25, Some(189)),
            (1.0, 1.0, Some(17)),
            (0.5, 1.0, None),
            (1.0, f64::INFINITY, None),
        ] {
            assert_eq!(least(bad, rate), calls, "{bad} at {rate}");
        }
        assert!(!is_enough(share(99, 100), WELL, 1.0));
    }

    #[test]
    fn nine_tenths_of_the_rate_are_too_little() {
        assert!(!is_enough(share(4_500, 10_000), WELL, 0.5));
        assert!(is_enough(share(4_501, 10_000), WELL, 0.5));
    }

    #[test]
    fn what_failed_by_more_than_a_quarter_of_the_rate_was_not_well() {
        for (before, enough) in [(0, true), (50, true), (51, false), (400, false)] {
            let before = share(before, 400);
            assert_eq!(is_enough(share(80, 100), before, 0.5), enough, "{before:?}");
        }
    }

    #[test]
    fn no_calls_say_nothing() {
        assert!(!is_enough(share(0, 0), WELL, 0.5));
        assert!(!is_enough(share(0, 1_000_000), WELL, 0.001));
    }
}

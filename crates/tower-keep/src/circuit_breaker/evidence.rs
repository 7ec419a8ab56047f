/// Whether so few calls leave no doubt that the service is as bad as `rate`, and not half as bad.
///
/// The likelihood ratio test of Wald between the two rates: each bad call speaks for the one and each
/// good call for the other, and what they say is added up until one of the two is [`SURE`]ly not it.
/// In a calm in which half the rate is what usually fails it is wrong once in a million times that it
/// begins to count.
pub(super) fn is_enough(bad: u64, total: u64, rate: f64) -> bool {
    if (bad as f64) < rate * total as f64 {
        return false;
    }
    let good = (total - bad) as f64;
    let against = if good > 0.0 {
        good * ((1.0 - rate / 2.0) / (1.0 - rate)).ln()
    } else {
        0.0
    };
    bad as f64 * std::f64::consts::LN_2 - against >= SURE
}

/// A million to one, as a logarithm.
const SURE: f64 = 13.815_510_557_964_274;

#[cfg(test)]
mod tests {
    use super::*;

    /// The least number of calls, of which this share is bad, that is enough.
    fn least(share: f64, rate: f64) -> Option<u64> {
        (1..10_000).find(|total| is_enough((share * *total as f64).ceil() as u64, *total, rate))
    }

    #[test]
    fn the_worse_it_is_the_fewer_calls_are_enough() {
        for (share, rate, calls) in [
            (1.0, 0.5, Some(20)),
            (0.75, 0.5, Some(33)),
            (0.5, 0.5, Some(93)),
            (0.25, 0.25, Some(229)),
            (1.0, 1.0, Some(20)),
            (0.5, 1.0, None),
            (0.48, 0.5, None),
            (1.0, f64::INFINITY, None),
        ] {
            assert_eq!(least(share, rate), calls, "{share} at {rate}");
        }
    }

    #[test]
    fn no_calls_say_nothing() {
        assert!(!is_enough(0, 0, 0.5));
        assert!(!is_enough(0, 1_000_000, 0.001));
    }
}

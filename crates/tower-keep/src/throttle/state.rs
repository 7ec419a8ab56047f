//! The formula.

/// What decides how many calls are held back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Terms {
    pub(super) k: f64,
    pub(super) min_calls: u64,
    pub(super) max_rejection: f64,
}

impl Terms {
    /// The probability that a call is held back after so many requests, of which so many were accepted:
    /// `max(0, (requests - k * accepts) / (requests + 1))`, by the chapter "Handling Overload" of
    /// Google's *Site Reliability Engineering*.
    ///
    /// Requests that were held back count as requests: so the share that goes out shrinks until it is
    /// `k` times what is accepted.
    pub(super) fn rejection(&self, requests: u64, accepts: u64) -> f64 {
        if requests < self.min_calls {
            return 0.0;
        }
        let (requests, accepts) = (requests as f64, accepts as f64);
        let excess = (requests - self.k * accepts) / (requests + 1.0);
        excess.clamp(0.0, self.max_rejection)
    }
}

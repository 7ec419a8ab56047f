use std::time::Duration;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long each rate is measured.
    pub(crate) time: Duration,
    /// How many events are consumed.
    pub(crate) events: usize,
    /// How many are timed on their way.
    pub(crate) timed: usize,
}

impl Plan {
    /// A measurement.
    pub const FULL: Self = Self {
        time: Duration::from_secs(3),
        events: 10_000,
        timed: 500,
    };
    /// Only to see that it works.
    pub const QUICK: Self = Self {
        time: Duration::from_millis(100),
        events: 200,
        timed: 20,
    };
}

/// One line: what, and how many of it in a second.
pub(crate) fn print(what: &str, count: usize, time: Duration) {
    let rate = count as f64 / time.as_secs_f64();
    println!("  {what:<52}{rate:>12.0} /s");
}

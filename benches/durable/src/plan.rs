use std::{env, time::Duration};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long each rate is measured.
    pub(crate) time: Duration,
    /// How many events are consumed.
    pub(crate) events: usize,
    /// How many are timed on their way.
    pub(crate) timed: usize,
    /// How many sagas there are to be done.
    pub(crate) sagas: usize,
}

impl Plan {
    /// A measurement.
    const FULL: Self = Self {
        time: Duration::from_secs(3),
        events: 10_000,
        timed: 500,
        sagas: 5_000,
    };
    /// Only to see that it works.
    const QUICK: Self = Self {
        time: Duration::from_millis(100),
        events: 200,
        timed: 20,
        sagas: 20,
    };
}

impl Plan {
    /// What the command line asks for, and the words on it that choose what is measured.
    #[must_use]
    pub fn of_arguments() -> (Self, Vec<String>) {
        let (options, words): (Vec<_>, Vec<_>) =
            env::args().skip(1).partition(|one| one.starts_with('-'));
        match options.iter().any(|one| one == "--quick") {
            true => (Self::QUICK, words),
            false => (Self::FULL, words),
        }
    }
}

/// One line: what, and how many of it in a second.
pub(crate) fn print(what: &str, count: usize, time: Duration) {
    let rate = count as f64 / time.as_secs_f64();
    println!("  {what:<52}{rate:>12.0} /s");
}

use std::time::Duration;

use super::Random;

/// How many calls come a second, whatever becomes of those before: an *open loop*. A closed one, in
/// which a customer waits for an answer before the next call, goes easy on a slow service and so
/// hides what an outage does.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// From when on, and how many.
    steps: Vec<(Duration, f64)>,
}

impl Load {
    /// So many calls a second, on average.
    #[must_use]
    pub fn steady(per_second: f64) -> Self {
        Self {
            steps: vec![(Duration::ZERO, per_second)],
        }
    }

    /// So many from then on, counted from the beginning of the simulation. Later steps come later.
    #[must_use]
    pub fn then(mut self, from: Duration, per_second: f64) -> Self {
        self.steps.push((from, per_second));
        self
    }

    /// The rate at that moment.
    #[must_use]
    pub fn at(&self, time: Duration) -> f64 {
        let reached = self.steps.iter().rev().find(|(from, _)| *from <= time);
        reached.map_or(0.0, |(_, rate)| *rate)
    }

    /// When the next call comes, by chance (a Poisson process), if any does.
    pub(super) fn next(&self, after: Duration, random: &mut Random) -> Option<Duration> {
        let mut at = after;
        loop {
            let change = self
                .steps
                .iter()
                .map(|(from, _)| *from)
                .find(|from| *from > at);
            let rate = self.at(at);
            let gap = -(1.0 - random.unit()).ln() / rate;
            // The process has no memory, so it may be drawn anew where the rate changes.
            match change {
                Some(change) if rate <= 0.0 || at.as_secs_f64() + gap > change.as_secs_f64() => {
                    at = change;
                }
                _ if rate <= 0.0 => return None,
                _ => return Some(at + Duration::from_secs_f64(gap)),
            }
        }
    }
}

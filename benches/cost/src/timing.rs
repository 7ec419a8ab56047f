//! All cases in turn, again and again, so that whatever else the machine does falls on all of them.

use std::time::Duration;

use rustix::{
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{ClockId, clock_gettime},
};

use crate::Case;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds over all cases.
    pub rounds: usize,
    /// The time of a case in a round.
    pub burst: Duration,
}

/// What a case took in each round.
#[derive(Clone, Debug)]
pub struct Samples(Vec<f64>);

/// The middle of some numbers, and the half around it.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Spread {
    /// As many above as below.
    pub median: f64,
    /// A quarter is below.
    pub low: f64,
    /// A quarter is above.
    pub high: f64,
}

impl Spread {
    /// Of at least one number.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
        Self {
            median: at(0.5),
            low: at(0.25),
            high: at(0.75),
        }
    }
}

impl Samples {
    /// Nanoseconds of a call.
    #[must_use]
    pub fn spread(&self) -> Spread {
        Spread::of(self.0.iter().copied())
    }

    /// How many times what `self` adds to `bare` is what `other` adds, round by round.
    #[must_use]
    pub fn ratio_of(&self, other: &Self, bare: &Self) -> Spread {
        // Less than a fifth of a nanosecond is not told apart from nothing.
        let added = |one: f64, bare: f64| (one - bare).max(0.2);
        let rounds = self.0.iter().zip(&other.0).zip(&bare.0);
        Spread::of(rounds.map(|((own, other), bare)| added(*other, *bare) / added(*own, *bare)))
    }
}

/// Where to run.
#[derive(Clone, Copy, Debug)]
pub enum Core {
    /// On the first core of those allowed.
    First,
    /// On the last.
    Last,
    /// On this one of them, from the first on again after the last.
    Nth(usize),
}

/// Keeps this thread on one core, and all that it starts.
///
/// # Panics
///
/// If the system says no.
pub fn pin(core: Core) {
    let allowed = sched_getaffinity(None).expect("a thread may ask where it may run");
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect();
    let core = match core {
        Core::First => 0,
        Core::Last => cores.len() - 1,
        Core::Nth(n) => n % cores.len(),
    };
    let mut one = CpuSet::new();
    one.set(cores[core]);
    sched_setaffinity(None, &one).expect("a part of what it was");
}

/// What the system's scheduler gave a thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scheduled {
    /// Time on a core.
    pub ran: Duration,
    /// Time in which it could have run, and somebody else did.
    pub waited: Duration,
}

impl Scheduled {
    /// Of `self`, `thread-self` or a process by its number; nothing where the system does not tell.
    #[must_use]
    pub fn of(process: &str) -> Self {
        let text = std::fs::read_to_string(format!("/proc/{process}/schedstat"));
        let text = text.unwrap_or_default();
        let mut numbers = text.split_whitespace().map(|number| {
            let nanos = number.parse().unwrap_or_default();
            Duration::from_nanos(nanos)
        });
        Self {
            ran: numbers.next().unwrap_or_default(),
            waited: numbers.next().unwrap_or_default(),
        }
    }

    /// What came on top of `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(before.ran),
            waited: self.waited.saturating_sub(before.waited),
        }
    }
}

/// The time that this thread has had: what others had of the core does not count.
fn now() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

fn timed(case: &mut Case, calls: u64) -> f64 {
    let begin = now();
    case.run(calls);
    now() - begin
}

/// Nanoseconds a call, of each case in each round.
#[must_use]
pub fn measure(cases: &mut [Case], plan: Plan) -> Vec<Samples> {
    let burst = plan.burst.as_nanos() as f64;
    let calls: Vec<u64> = cases
        .iter_mut()
        .map(|case| {
            case.run(500);
            let one = (0..3).map(|_| timed(case, 500) / 500.0);
            let one = one.fold(f64::INFINITY, f64::min).max(0.1);
            ((burst / one) as u64).max(50)
        })
        .collect();
    let mut samples = vec![Samples(Vec::with_capacity(plan.rounds)); cases.len()];
    for round in 0..plan.rounds {
        // Nobody always follows the same one.
        for step in 0..cases.len() {
            let step = match round % 2 {
                0 => step,
                _ => cases.len() - 1 - step,
            };
            let at = (step + round) % cases.len();
            let took = timed(&mut cases[at], calls[at]);
            samples[at].0.push(took / calls[at] as f64);
        }
    }
    samples
}

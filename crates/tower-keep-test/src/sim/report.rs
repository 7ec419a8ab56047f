use std::{ops::Range, time::Duration};

use super::{
    Sim,
    tally::{Call, End, Tally},
};

/// What came of a simulation.
///
/// A call counts to the moment at which its customer came. Times are counted from the beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) lasting: Duration,
    pub(super) fault: Range<Duration>,
    /// Name and patience.
    groups: Vec<(String, Duration)>,
    calls: Vec<Call>,
    sent: Vec<Duration>,
    worked: Duration,
    wasted: Duration,
    lag: Duration,
}

impl Report {
    pub(super) fn new(sim: &Sim, mut tally: Tally, lag: Duration) -> Self {
        tally.calls.sort_by_key(|call| call.came);
        let group = |group: &super::Customers| (group.name.clone(), group.patience);
        Self {
            name: sim.name.clone(),
            seed: sim.seed,
            lasting: sim.lasting,
            fault: sim.fault.clone(),
            groups: sim.groups.iter().map(group).collect(),
            calls: tally.calls,
            sent: tally.sent,
            worked: tally.worked,
            wasted: tally.wasted,
            lag,
        }
    }

    /// Only the customers of this name. What was sent upstream stays what all of them caused.
    ///
    /// # Panics
    /// If nobody has this name.
    #[must_use]
    pub fn only(&self, name: &str) -> Self {
        let position = self.groups.iter().position(|(group, _)| group == name);
        let position = position.unwrap_or_else(|| panic!("no customers are called {name}"));
        let mut only = self.clone();
        only.calls
            .retain(|call| usize::from(call.group) == position);
        only
    }

    /// All of the simulation.
    #[must_use]
    pub fn all(&self) -> Range<Duration> {
        Duration::ZERO..self.lasting
    }

    /// When there was trouble.
    #[must_use]
    pub fn during(&self) -> Range<Duration> {
        self.fault.clone()
    }

    /// Calls of customers.
    #[must_use]
    pub fn offered(&self, when: Range<Duration>) -> usize {
        self.came(&when).len()
    }

    /// Calls that ended like this.
    #[must_use]
    pub fn ended(&self, end: End, when: Range<Duration>) -> usize {
        let calls = self.came(&when).iter();
        calls.filter(|call| call.end == end).count()
    }

    /// Good answers in time, a second.
    #[must_use]
    pub fn goodput(&self, when: Range<Duration>) -> f64 {
        let time = when.end - when.start;
        self.ended(End::Good, when) as f64 / time.as_secs_f64()
    }

    /// The share of the calls that was answered well and in time.
    #[must_use]
    pub fn good_share(&self, when: Range<Duration>) -> f64 {
        let offered = self.offered(when.clone()).max(1);
        self.ended(End::Good, when) as f64 / offered as f64
    }

    /// Calls that customers saw fail, or waited for in vain, in all of the simulation.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.offered(self.all()) - self.ended(End::Good, self.all())
    }

    /// The latency that this share of the good answers stayed below; zero if there was none.
    #[must_use]
    pub fn latency(&self, share: f64, when: Range<Duration>) -> Duration {
        let calls = self.came(&when).iter();
        let good = calls.filter(|call| call.end == End::Good);
        let mut took: Vec<_> = good.map(|call| call.took).collect();
        took.sort_unstable();
        let last = took.len().saturating_sub(1) as f64;
        let at = (last * share).round() as usize;
        took.get(at).copied().unwrap_or_default()
    }

    /// Half of the good answers came sooner.
    #[must_use]
    pub fn p50(&self, when: Range<Duration>) -> Duration {
        self.latency(0.5, when)
    }

    /// One in a hundred of the good answers came later.
    #[must_use]
    pub fn p99(&self, when: Range<Duration>) -> Duration {
        self.latency(0.99, when)
    }

    /// Calls that were sent upstream.
    #[must_use]
    pub fn sent(&self, when: Range<Duration>) -> usize {
        let from = self.sent.partition_point(|sent| *sent < when.start);
        self.sent.partition_point(|sent| *sent < when.end) - from
    }

    /// Calls upstream for each call of a customer, from the beginning of the trouble to its end or for
    /// 10 s, whatever is longer; in all of the simulation if there is no trouble.
    #[must_use]
    pub fn amplification(&self) -> f64 {
        let Range { start, end } = self.fault.clone();
        let when = if start == end {
            self.all()
        } else {
            start..end.max(start + 2 * STEADY)
        };
        self.sent(when.clone()) as f64 / self.offered(when).max(1) as f64
    }

    /// The share of the work that was done for answers which nobody waited for.
    #[must_use]
    pub fn wasted(&self) -> f64 {
        self.wasted.as_secs_f64() / self.worked.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// How long it took from the beginning of the trouble until nobody waits in vain any more: until,
    /// for a second, 95 % of those who come get an answer, good or bad, within a quarter of their
    /// patience. [`Duration::MAX`]: never in this simulation.
    #[must_use]
    pub fn time_to_protect(&self) -> Duration {
        let quick = |call: &Call| {
            call.end != End::GaveUp && call.took <= self.groups[usize::from(call.group)].1 / 4
        };
        let mut start = self.fault.start;
        while start + SECOND <= self.lasting {
            if self.share(start..start + SECOND, quick) >= MOST {
                return start - self.fault.start;
            }
            start += LOOK;
        }
        Duration::MAX
    }

    /// How long it took from the end of the trouble until, for a second and for five, 95 % of those
    /// who come get a good answer in time. [`Duration::MAX`]: never in this simulation.
    #[must_use]
    pub fn time_to_recover(&self) -> Duration {
        let good = |call: &Call| call.end == End::Good;
        let mut start = self.fault.end;
        while start + STEADY <= self.lasting {
            let steady = self.share(start..start + STEADY, good) >= MOST;
            if steady && self.share(start..start + SECOND, good) >= MOST {
                return start - self.fault.end;
            }
            start += LOOK;
        }
        Duration::MAX
    }

    /// How long it took from the beginning of the trouble until for so long nothing was sent upstream:
    /// until whoever calls has noticed. [`Duration::MAX`]: never in this simulation.
    #[must_use]
    pub fn time_to_silence(&self, quiet: Duration) -> Duration {
        let from = self.sent.partition_point(|sent| *sent < self.fault.start);
        let to = self.sent.partition_point(|sent| *sent < self.lasting);
        let mut last = self.fault.start;
        for sent in self.sent[from..to].iter().copied().chain([self.lasting]) {
            if sent - last >= quiet {
                return last - self.fault.start;
            }
            last = sent;
        }
        Duration::MAX
    }

    /// How many calls were sent upstream from the beginning of the trouble until then.
    #[must_use]
    pub fn sent_before_silence(&self, quiet: Duration) -> usize {
        match self.time_to_silence(quiet) {
            Duration::MAX => self.sent(self.fault.start..self.lasting),
            // The last one was sent at that very moment.
            time => self.sent(self.fault.start..self.fault.start + time + TICK),
        }
    }

    /// How far a [paced](Sim::paced) simulation was behind at most, in its own time.
    #[must_use]
    pub fn lag(&self) -> Duration {
        self.lag
    }

    /// What happened in each step of this length.
    #[must_use]
    pub fn series(&self, step: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut from = Duration::ZERO;
        while from + step <= self.lasting {
            let when = from..from + step;
            steps.push(Step {
                from,
                offered: self.offered(when.clone()),
                good: self.ended(End::Good, when.clone()),
                failed: self.ended(End::Failed, when.clone()),
                gave_up: self.ended(End::GaveUp, when.clone()),
                sent: self.sent(when),
            });
            from += step;
        }
        steps
    }

    fn came(&self, when: &Range<Duration>) -> &[Call] {
        let from = self.calls.partition_point(|call| call.came < when.start);
        let to = self.calls.partition_point(|call| call.came < when.end);
        &self.calls[from..to.max(from)]
    }

    fn share(&self, when: Range<Duration>, is: impl Fn(&Call) -> bool) -> f64 {
        let calls = self.came(&when);
        let count = calls.iter().filter(|call| is(call)).count();
        // Where nobody comes, nobody waits in vain.
        if calls.is_empty() {
            1.0
        } else {
            count as f64 / calls.len() as f64
        }
    }
}

/// What happened in a part of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// When it began.
    pub from: Duration,
    /// Calls of customers.
    pub offered: usize,
    /// Those that were answered well and in time.
    pub good: usize,
    /// Those that were answered with an error.
    pub failed: usize,
    /// Those that were not answered in time.
    pub gave_up: usize,
    /// Calls that were sent upstream.
    pub sent: usize,
}

const SECOND: Duration = Duration::from_secs(1);
const STEADY: Duration = Duration::from_secs(5);
/// What timers tell apart.
const TICK: Duration = Duration::from_millis(1);
const LOOK: Duration = Duration::from_millis(100);
const MOST: f64 = 0.95;

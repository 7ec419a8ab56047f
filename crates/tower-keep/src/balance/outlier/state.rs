use std::{collections::BTreeMap, time::Duration};

use super::{OutlierConfig, Reason};

/// Who is out of a fleet: what it is told, and when, is all it knows. Times are since the fleet was
/// made; `chance` is a random number from 0 to 1.
#[derive(Debug)]
pub(in crate::balance) struct Fleet {
    config: OutlierConfig,
    panic_threshold: f64,
    hosts: BTreeMap<u64, Host>,
    next_sweep: Duration,
    changes: Vec<Change>,
}

#[derive(Debug, Default)]
struct Host {
    out: Option<Out>,
    /// How many ejections are on its record: the next lasts as many times as long, and one more.
    record: u32,
    /// Whether it has been in since the last interval ended.
    was_in: bool,
}

/// Until when an endpoint is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::balance) enum Out {
    Until(Duration),
    /// Until somebody says so.
    Forced,
}

/// What happened to an endpoint, to be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::balance) enum Change {
    Ejected {
        id: u64,
        reason: Reason,
        lasts: Duration,
    },
    /// It would have been, had it been enforced.
    WouldBeEjected {
        id: u64,
        reason: Reason,
    },
    ForcedOut {
        id: u64,
    },
    Returned {
        id: u64,
        forced: bool,
    },
}

/// A moment, and what is left to chance in it.
#[derive(Clone, Copy, Debug)]
pub(in crate::balance) struct Moment {
    pub(in crate::balance) now: Duration,
    pub(in crate::balance) chance: f64,
    /// Whether ejections are carried out.
    pub(in crate::balance) enforced: bool,
}

/// The calls of an endpoint in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::balance) struct Tally {
    pub(in crate::balance) good: u32,
    pub(in crate::balance) bad: u32,
}

impl Tally {
    fn calls(self) -> u32 {
        self.good.saturating_add(self.bad)
    }

    fn success(self) -> f64 {
        f64::from(self.good) / f64::from(self.calls().max(1))
    }
}

impl Fleet {
    pub(in crate::balance) fn new(config: OutlierConfig, panic_threshold: f64) -> Self {
        Self {
            next_sweep: config.interval,
            config,
            panic_threshold,
            hosts: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    /// Takes a new configuration; who is out stays out for as long as it was told.
    pub(in crate::balance) fn update(
        &mut self,
        config: OutlierConfig,
        panic_threshold: f64,
        now: Duration,
    ) {
        self.next_sweep = self.next_sweep.min(now + config.interval);
        self.config = config;
        self.panic_threshold = panic_threshold;
    }

    pub(in crate::balance) fn add(&mut self, id: u64) {
        self.hosts.entry(id).or_default();
    }

    pub(in crate::balance) fn remove(&mut self, id: u64) {
        self.hosts.remove(&id);
    }

    /// An endpoint has failed too often in a row.
    pub(in crate::balance) fn trip(&mut self, id: u64, reason: Reason, at: Moment) {
        let room = self.room();
        let Some(host) = self.hosts.get_mut(&id).filter(|host| host.out.is_none()) else {
            return;
        };
        if !self.config.enabled || room == 0 {
            return;
        }
        if !at.enforced {
            return self.changes.push(Change::WouldBeEjected { id, reason });
        }
        host.record = host.record.saturating_add(1);
        let config = &self.config;
        let lasts = config.base.saturating_mul(host.record).min(config.max);
        let lasts = lasts
            .mul_f64(1.0 + config.jitter * at.chance)
            .min(config.max);
        host.out = Some(Out::Until(at.now + lasts));
        host.was_in = false;
        self.changes.push(Change::Ejected { id, reason, lasts });
    }

    /// Takes an endpoint out, whatever is allowed, until [`force_in`](Self::force_in).
    pub(in crate::balance) fn force_out(&mut self, id: u64) {
        if let Some(host) = self.hosts.get_mut(&id)
            && host.out != Some(Out::Forced)
        {
            host.out = Some(Out::Forced);
            host.was_in = false;
            self.changes.push(Change::ForcedOut { id });
        }
    }

    /// Takes an endpoint back in, with a clean record.
    pub(in crate::balance) fn force_in(&mut self, id: u64) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.record = 0;
            if host.out.take().is_some() {
                self.changes.push(Change::Returned { id, forced: true });
            }
        }
    }

    /// Takes back in whose time is up.
    pub(in crate::balance) fn take_back(&mut self, now: Duration) {
        for (&id, host) in &mut self.hosts {
            if matches!(host.out, Some(Out::Until(until)) if until <= now) {
                host.out = None;
                self.changes.push(Change::Returned { id, forced: false });
            }
        }
    }

    /// Whether an interval is over, so that [`sweep`](Self::sweep) is due.
    pub(in crate::balance) fn is_sweep_due(&self, now: Duration) -> bool {
        now >= self.next_sweep
    }

    /// An interval is over: compares the endpoints by their calls in it, and clears records.
    pub(in crate::balance) fn sweep(&mut self, tallies: &[(u64, Tally)], at: Moment) {
        let interval = self.config.interval;
        let late = at.now.saturating_sub(self.next_sweep);
        // Nobody asked for so many intervals more; nothing can have failed in them.
        let missed = late.as_nanos() / interval.as_nanos().max(1);
        let passed = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
        self.next_sweep = at.now + interval;
        for host in self.hosts.values_mut().filter(|host| host.out.is_none()) {
            // Intervals in which it was out say nothing.
            if std::mem::replace(&mut host.was_in, true) {
                host.record = host.record.saturating_sub(passed);
            }
        }
        for (id, reason) in self.outliers(tallies) {
            self.trip(id, reason, at);
        }
    }

    /// Who is to be ejected by rate, the worst first.
    fn outliers(&self, tallies: &[(u64, Tally)]) -> Vec<(u64, Reason)> {
        let config = &self.config;
        let mut judged: Vec<(u64, f64)> = tallies
            .iter()
            .filter(|(id, tally)| {
                tally.calls() >= config.min_calls
                    && self.hosts.get(id).is_some_and(|host| host.out.is_none())
            })
            .map(|(id, tally)| (*id, tally.success()))
            .collect();
        judged.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let floor = config
            .deviations
            .filter(|_| judged.len() >= config.min_endpoints)
            .map(|deviations| {
                let (mean, deviation) = mean_and_deviation(&judged);
                let gap = (deviations * deviation).max(config.min_gap);
                (mean, mean - gap)
            });
        let mut found = Vec::new();
        for (id, rate) in judged {
            let failed = 1.0 - rate;
            if config.failure_share.is_some_and(|share| failed >= share) {
                found.push((id, Reason::Share(failed)));
            } else if let Some((mean, floor)) = floor
                && rate < floor
            {
                found.push((id, Reason::Below { rate, mean }));
            }
        }
        found
    }

    /// How many more may be ejected.
    fn room(&self) -> usize {
        let share = self.config.max_ejected;
        let allowed = (self.hosts.len() as f64 * share) as usize;
        let allowed = allowed.max(usize::from(share > 0.0));
        allowed.saturating_sub(self.out_count())
    }

    pub(in crate::balance) fn out_count(&self) -> usize {
        self.hosts
            .values()
            .filter(|host| host.out.is_some())
            .count()
    }

    /// Whether so few are in that ejections are ignored.
    pub(in crate::balance) fn is_panicking(&self) -> bool {
        let all = self.hosts.len();
        let out = self.out_count();
        out > 0 && ((all - out) as f64) < all as f64 * self.panic_threshold
    }

    pub(in crate::balance) fn out(&self, id: u64) -> Option<Out> {
        self.hosts.get(&id)?.out
    }

    /// When something will happen by itself.
    pub(in crate::balance) fn due(&self) -> Duration {
        self.next_return()
            .map_or(self.next_sweep, |next| next.min(self.next_sweep))
    }

    /// When the first of those that are out comes back by itself.
    pub(in crate::balance) fn next_return(&self) -> Option<Duration> {
        let ends = self.hosts.values().filter_map(|host| match host.out {
            Some(Out::Until(until)) => Some(until),
            Some(Out::Forced) | None => None,
        });
        ends.min()
    }

    /// What happened since the last time that this was asked.
    pub(in crate::balance) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }
}

fn mean_and_deviation(judged: &[(u64, f64)]) -> (f64, f64) {
    let count = judged.len() as f64;
    let mean = judged.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let squares = judged.iter().map(|(_, rate)| (rate - mean).powi(2));
    (mean, (squares.sum::<f64>() / count).sqrt())
}

//! A server of so many workers and its limit, in simulated time and without a runtime.

use std::{collections::VecDeque, time::Duration};

use super::super::{
    aimd::{Aimd, AimdConfig},
    gradient::{Gradient, GradientConfig},
    state::{Bounds, Boxed, Change, Machine, Window},
    vegas::{Vegas, VegasConfig},
};

pub(super) const BOUNDS: Bounds = Bounds {
    initial: 20.0,
    min: 4.0,
    max: 1000.0,
    drop_share: 0.05,
};

pub(super) fn gradient() -> Boxed {
    Box::new(Gradient::new(GradientConfig::default(), None))
}

pub(super) fn vegas() -> Boxed {
    Box::new(Vegas::new(VegasConfig::default(), None))
}

pub(super) fn aimd(slow: Option<Duration>) -> Boxed {
    Box::new(Aimd(AimdConfig {
        slow,
        ..AimdConfig::default()
    }))
}

/// Calls that come at random, and workers that take them in order.
pub(super) struct Server {
    pub(super) machine: Machine,
    pub(super) workers: usize,
    /// Seconds that a call takes a worker.
    pub(super) work: f64,
    /// Calls a second.
    pub(super) rate: f64,
    /// Answers later than this are of no use.
    pub(super) patience: f64,
    rng: fastrand::Rng,
    now: f64,
    next_arrival: f64,
    /// When each worker is free.
    free: Vec<f64>,
    /// When each call in flight began and when it will end, by end.
    calls: VecDeque<(f64, f64)>,
    window_start: f64,
    since: f64,
    latencies: Vec<f64>,
    answers: u64,
    peak: usize,
}

/// What came out of a while.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) offered: u64,
    pub(super) in_time: u64,
    pub(super) changes: Vec<Change>,
    /// The limit after each window.
    pub(super) limits: Vec<u32>,
}

const WINDOW: f64 = 0.1;
const FEWEST: usize = 20;

impl Server {
    pub(super) fn new(algorithm: Boxed, workers: usize, work: f64, rate: f64) -> Self {
        Self {
            machine: Machine::new(BOUNDS, algorithm),
            workers,
            work,
            rate,
            patience: 1.0,
            rng: fastrand::Rng::with_seed(7),
            now: 0.0,
            next_arrival: 0.0,
            free: vec![0.0; workers],
            calls: VecDeque::new(),
            window_start: 0.0,
            since: 0.0,
            latencies: Vec::new(),
            answers: 0,
            peak: 0,
        }
    }

    /// What it can do in a second.
    pub(super) fn capacity(&self) -> f64 {
        self.workers as f64 / self.work
    }

    pub(super) fn run(&mut self, seconds: f64) -> Outcome {
        let mut outcome = Outcome {
            offered: 0,
            in_time: 0,
            changes: Vec::new(),
            limits: Vec::new(),
        };
        let end = self.now + seconds;
        loop {
            let over = self.calls.front().map_or(f64::INFINITY, |call| call.1);
            self.now = over.min(self.next_arrival);
            if self.now > end {
                self.now = end;
                return outcome;
            }
            if over <= self.next_arrival {
                self.finish(&mut outcome);
            } else {
                outcome.offered += 1;
                self.arrive();
            }
        }
    }

    fn arrive(&mut self) {
        self.next_arrival = self.now - (1.0 - self.rng.f64()).ln() / self.rate;
        if self.calls.len() >= self.machine.limit() as usize {
            return;
        }
        self.free.resize(self.workers, self.now);
        let worker = self
            .free
            .iter_mut()
            .min_by(|a, b| a.total_cmp(b))
            .expect("there are workers");
        // Half of the work is the same for all, half is chance.
        let work = self.work * (0.5 - 0.5 * (1.0 - self.rng.f64()).ln());
        *worker = worker.max(self.now) + work;
        let call = (self.now, *worker);
        let at = self.calls.partition_point(|other| other.1 <= call.1);
        self.calls.insert(at, call);
        self.peak = self.peak.max(self.calls.len());
    }

    fn finish(&mut self, outcome: &mut Outcome) {
        let (began, _) = self.calls.pop_front().expect("one ends now");
        let latency = self.now - began;
        outcome.in_time += u64::from(latency <= self.patience);
        self.answers += 1;
        if began >= self.since {
            self.latencies.push(latency);
        }
        let length = self.now - self.window_start;
        let recent = self
            .machine
            .last
            .map_or(0.0, |last| last.latency.as_secs_f64());
        if self.latencies.len() >= FEWEST && length >= WINDOW.max(2.0 * recent) {
            self.end_window(length, outcome);
        }
    }

    fn end_window(&mut self, length: f64, outcome: &mut Outcome) {
        self.latencies.sort_by(f64::total_cmp);
        let calls = self.latencies.len();
        let window = Window {
            length: Duration::from_secs_f64(length),
            calls: calls as u64,
            mean: Duration::from_secs_f64(self.latencies.iter().sum::<f64>() / calls as f64),
            latency: Duration::from_secs_f64(self.latencies[calls * 9 / 10]),
            answers: self.answers,
            drops: 0,
            peak: u32::try_from(self.peak).expect("few"),
        };
        let (mut algorithm, limit, sample) = self.machine.begin(&window).expect("it came back");
        let step = algorithm.next(limit, &sample);
        if let Some(change) = self.machine.finish(algorithm, sample, Some(step)) {
            if change.to < change.from {
                self.since = self.now;
            }
            outcome.changes.push(change);
        }
        outcome.limits.push(self.machine.limit());
        self.window_start = self.now;
        self.latencies.clear();
        self.answers = 0;
        self.peak = self.calls.len();
    }
}

use std::{ops::Range, time::Duration};

/// What is wrong with an upstream for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// It is not there: connections are refused, calls that are under way break off.
    Refused,
    /// It takes calls and never answers, those that are under way included.
    Hangs,
    /// This share of the calls is answered 500 at once.
    Fails(f64),
    /// It works at this share of its speed: a neighbour, a failing disk, half a database.
    BrownOut(f64),
    /// It stands still and then goes on where it was, with all that came meanwhile: a long garbage
    /// collection, a virtual machine that moves.
    Pause,
    /// It takes so many calls in a second and answers the rest 429.
    Limited {
        /// Calls a second.
        per_second: u32,
        /// What `Retry-After` says, in whole seconds.
        retry_after: Duration,
    },
}

/// What is wrong, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) plan: Vec<(Range<Duration>, Fault)>,
    /// How long it takes to be at full speed again, and the speed at first.
    pub(super) cold: Option<(Duration, f64)>,
}

impl Faults {
    pub(super) fn at(&self, time: Duration) -> impl Iterator<Item = Fault> {
        let reached = self
            .plan
            .iter()
            .filter(move |(when, _)| when.contains(&time));
        reached.map(|(_, fault)| *fault)
    }

    /// What is lost on the way at that moment, if anything is.
    pub(super) fn on_the_way(&self, time: Duration) -> Option<Fault> {
        self.at(time)
            .find(|fault| matches!(fault, Fault::Refused | Fault::Hangs))
    }

    /// Which share of its speed it works at.
    fn speed(&self, time: Duration) -> f64 {
        let slowed: f64 = self
            .at(time)
            .map(|fault| match fault {
                Fault::BrownOut(speed) => speed,
                Fault::Pause => 0.0,
                _ => 1.0,
            })
            .product();
        slowed * self.warmth(time)
    }

    /// After it was not there, or since the beginning of a simulation that has no fault before.
    fn warmth(&self, time: Duration) -> f64 {
        let Some((warms_up_in, cold)) = self.cold else {
            return 1.0;
        };
        let back = self
            .plan
            .iter()
            .filter(|(_, fault)| matches!(fault, Fault::Refused | Fault::Hangs))
            .map(|(when, _)| when.end)
            .filter(|end| *end <= time)
            .max()
            .unwrap_or_default();
        let share = (time - back).as_secs_f64() / warms_up_in.as_secs_f64();
        (cold + (1.0 - cold) * share).min(1.0)
    }

    /// When work is done that would take `work` at full speed.
    pub(super) fn done(&self, start: Duration, work: Duration) -> Duration {
        let slows = |fault: &Fault| matches!(fault, Fault::BrownOut(_) | Fault::Pause);
        if self.cold.is_none() && !self.plan.iter().any(|(_, fault)| slows(fault)) {
            return start + work;
        }
        let (mut at, mut left) = (start, work.as_secs_f64());
        while left > 1e-9 {
            left -= STEP.as_secs_f64() * self.speed(at);
            at += STEP;
        }
        at
    }
}

/// What a timer of tokio can tell apart.
const STEP: Duration = Duration::from_millis(1);

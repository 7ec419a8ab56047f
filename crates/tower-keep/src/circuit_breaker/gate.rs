use std::time::Duration;

use super::{mode::State, state::Admission};
use crate::{
    common::{
        atomic::{Acquire, AtomicU64, Relaxed, Release},
        clock::whole_nanos,
    },
    config::Enforce,
};

/// What to do with a call, in a word that every call can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) rule: Rule,
    /// Moves on with every change of state; what was admitted in one generation says nothing in
    /// another.
    pub(super) generation: u64,
    /// How many of the refusals are more than spoken about.
    pub(super) enforce: Enforce,
}

/// How calls are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// All of them, and their outcomes can open the breaker.
    All = 0,
    /// All of them, and their outcomes are counted.
    AllCounted = 1,
    /// All of them.
    AllUncounted = 2,
    /// A share of them that grows until [`AtomicGate::until`].
    Ramp = 3,
    /// The state machine knows.
    Ask = 4,
    /// None until [`AtomicGate::until`], then the state machine knows.
    NoneUntil = 5,
    /// None.
    None = 6,
}

impl Rule {
    fn from_bits(bits: u64) -> Self {
        match bits {
            0 => Self::All,
            1 => Self::AllCounted,
            2 => Self::AllUncounted,
            3 => Self::Ramp,
            4 => Self::Ask,
            5 => Self::NoneUntil,
            _ => Self::None,
        }
    }
}

impl Rule {
    /// The state that a call finds which is admitted so; none if the breaker does nothing.
    pub(super) fn state(self, admission: &Admission) -> Option<State> {
        match (admission, self) {
            (_, Self::AllUncounted) => None,
            (Admission::Probe { .. }, _) | (_, Self::Ask) => Some(State::HalfOpen),
            (_, Self::NoneUntil | Self::None) => Some(State::Open),
            (_, Self::All | Self::AllCounted | Self::Ramp) => Some(State::Closed),
        }
    }
}

impl Gate {
    fn pack(self) -> u64 {
        let enforce = u64::from(self.enforce.as_percent()) << ENFORCE_SHIFT;
        (self.generation << GENERATION_SHIFT) | enforce | self.rule as u64
    }

    fn unpack(word: u64) -> Self {
        Self {
            rule: Rule::from_bits(word & 0b111),
            generation: word >> GENERATION_SHIFT,
            enforce: Enforce::percent((word >> ENFORCE_SHIFT) as u8 & PERCENT),
        }
    }
}

const ENFORCE_SHIFT: u32 = 3;
/// The bits of a percentage.
const PERCENT: u8 = 0x7f;
const GENERATION_SHIFT: u32 = 10;
/// The bits of a rule that neither [`Rule::All`] nor [`Rule::AllCounted`] has.
const WIDE_OPEN_IF_ZERO: u64 = 0b110;

/// The state machine's present gate, for calls to read without a lock.
///
/// `gate` is stored with release after the other two and loaded with acquire before them, so that
/// whoever sees a gate sees its times or later ones. Later ones are harmless: they make a call ask
/// the state machine, or tell it a different time to come back. Only the holder of the machine's
/// lock stores.
pub(super) struct AtomicGate {
    gate: AtomicU64,
    until: AtomicU64,
    ramp: AtomicU64,
}

impl AtomicGate {
    pub(super) fn new(gate: Gate) -> Self {
        Self {
            gate: AtomicU64::new(gate.pack()),
            until: AtomicU64::new(0),
            ramp: AtomicU64::new(0),
        }
    }

    pub(super) fn store(&self, gate: Gate, until: Duration, ramp: Duration) {
        self.until.store(whole_nanos(until), Relaxed);
        self.ramp.store(whole_nanos(ramp), Relaxed);
        self.gate.store(gate.pack(), Release);
    }

    #[inline]
    pub(super) fn load(&self) -> Gate {
        Gate::unpack(self.gate.load(Acquire))
    }

    /// The generation that a call counts in, if all calls are let through and counted: the usual
    /// case, in one look.
    #[inline]
    pub(super) fn wide_open(&self) -> Option<u64> {
        let word = self.gate.load(Acquire);
        (word & WIDE_OPEN_IF_ZERO == 0).then_some(word >> GENERATION_SHIFT)
    }

    /// The present generation.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.gate.load(Acquire) >> GENERATION_SHIFT
    }

    pub(super) fn until(&self) -> Duration {
        Duration::from_nanos(self.until.load(Relaxed))
    }

    /// How long the ramp is in all.
    pub(super) fn ramp(&self) -> Duration {
        Duration::from_nanos(self.ramp.load(Relaxed))
    }
}

/// The share of calls that a ramp lets through when this much of it is left.
pub(super) fn share(left: Duration, ramp: Duration) -> f64 {
    if ramp.is_zero() {
        return 1.0;
    }
    let left = left.as_secs_f64() / ramp.as_secs_f64();
    1.0 - (1.0 - FIRST_SHARE) * left.clamp(0.0, 1.0)
}

/// Enough to keep the windows fed, little enough for a service that has just come up.
const FIRST_SHARE: f64 = 0.1;

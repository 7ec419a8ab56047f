//! The places and the queue as one word, so that one atomic step changes both; and the rule for them
//! as another.

use crate::config::Enforce;

/// How many calls run and how many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) running: u32,
    pub(super) waiting: u32,
}

/// What a call that arrives may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Run, with these counts.
    Run(Counts),
    /// Wait, with these counts.
    Wait(Counts),
    /// Neither.
    Refuse,
}

/// What a bulkhead does with calls, as one word that every call reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule(u64);

impl Rule {
    const DISABLED: u64 = 1 << 40;

    pub(super) fn new(enabled: bool, enforce: Enforce, limit: u32) -> Self {
        let percent = u64::from(enforce.as_percent()) << 32;
        Self(if enabled {
            percent | u64::from(limit)
        } else {
            Self::DISABLED | percent | u64::from(u32::MAX)
        })
    }

    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(super) const fn to_word(self) -> u64 {
        self.0
    }

    /// How many calls may run; any number while it is switched off.
    #[inline]
    pub(super) const fn limit(self) -> u32 {
        self.0 as u32
    }

    pub(super) const fn enforce(self) -> Enforce {
        Enforce::percent((self.0 >> 32) as u8)
    }

    #[inline]
    pub(super) const fn is_enabled(self) -> bool {
        self.0 & Self::DISABLED == 0
    }

    /// How many of the calls that wait may run together with those that do: in a dry run nobody waits.
    pub(super) const fn promotes_to(self) -> u32 {
        if self.enforce().is_dry_run() {
            u32::MAX
        } else {
            self.limit()
        }
    }
}

impl Counts {
    #[inline]
    pub(super) fn unpack(word: u64) -> Self {
        Self {
            running: word as u32,
            waiting: (word >> 32) as u32,
        }
    }

    #[inline]
    pub(super) fn pack(self) -> u64 {
        u64::from(self.waiting) << 32 | u64::from(self.running)
    }

    /// A call arrives. It does not overtake those that wait.
    #[inline]
    pub(super) fn arrive(self, limit: u32, max_queue: u32) -> Arrival {
        if self.waiting == 0 && self.running < limit {
            Arrival::Run(Self {
                running: self.running + 1,
                ..self
            })
        } else if self.waiting < max_queue {
            Arrival::Wait(Self {
                waiting: self.waiting + 1,
                ..self
            })
        } else {
            Arrival::Refuse
        }
    }

    /// A call runs whatever the limit says.
    pub(super) fn overrun(self) -> Self {
        Self {
            running: self.running + 1,
            ..self
        }
    }

    /// Whether a call that runs beyond the limit, and is counted, would have had a place in the queue.
    pub(super) fn would_wait(self, limit: u32, max_queue: u32) -> bool {
        u64::from(self.running) <= u64::from(limit) + u64::from(max_queue)
    }

    /// A call ends and nobody waits; `None` if somebody does.
    #[inline]
    pub(super) fn leave(self) -> Option<Self> {
        (self.waiting == 0).then(|| Self {
            running: self.running - 1,
            ..self
        })
    }

    /// The call that waits longest starts to run, if there is a place for it.
    pub(super) fn promote(self, limit: u32) -> Option<Self> {
        (self.waiting > 0 && self.running < limit).then(|| Self {
            running: self.running + 1,
            waiting: self.waiting - 1,
        })
    }
}

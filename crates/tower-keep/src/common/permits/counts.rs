//! The places and the queue as one word, so that one atomic step changes both.

/// How many calls run and how many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) running: u32,
    pub(crate) waiting: u32,
}

/// What a call that arrives may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Run, with these counts.
    Run(Counts),
    /// Wait, with these counts.
    Wait(Counts),
    /// Neither.
    Refuse,
}

impl Counts {
    #[inline]
    pub(crate) fn unpack(word: u64) -> Self {
        Self {
            running: word as u32,
            waiting: (word >> 32) as u32,
        }
    }

    #[inline]
    pub(crate) fn pack(self) -> u64 {
        u64::from(self.waiting) << 32 | u64::from(self.running)
    }

    /// A call arrives. It does not overtake those that wait.
    #[inline]
    pub(crate) fn arrive(self, limit: u32, max_queue: u32) -> Arrival {
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

    /// A call ends and nobody waits; `None` if somebody does.
    #[inline]
    pub(crate) fn leave(self) -> Option<Self> {
        (self.waiting == 0).then(|| Self {
            running: self.running - 1,
            ..self
        })
    }

    /// The call that waits longest starts to run, if there is a place for it.
    pub(crate) fn promote(self, limit: u32) -> Option<Self> {
        (self.waiting > 0 && self.running < limit).then(|| Self {
            running: self.running + 1,
            waiting: self.waiting - 1,
        })
    }
}

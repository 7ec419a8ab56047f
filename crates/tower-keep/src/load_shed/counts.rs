//! The places and the queue as one word, and what every call has to know as another.

/// How many calls run and how many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) running: u32,
    pub(super) waiting: u32,
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

    /// A call runs, if there is a place that nobody waits for.
    #[inline]
    pub(super) fn run(self, limit: u32) -> Option<Self> {
        (self.waiting == 0 && self.running < limit).then(|| self.run_anyway())
    }

    /// A call runs, place or no place.
    #[inline]
    pub(super) fn run_anyway(self) -> Self {
        Self {
            running: self.running + 1,
            ..self
        }
    }

    /// A call runs as [`run`](Self::run) says, or waits.
    pub(super) fn run_or_wait(self, limit: u32) -> Self {
        self.run(limit).unwrap_or(Self {
            waiting: self.waiting + 1,
            ..self
        })
    }

    /// A call ends and nobody waits; `None` if somebody does.
    #[inline]
    pub(super) fn leave(self) -> Option<Self> {
        (self.waiting == 0).then(|| Self {
            running: self.running - 1,
            ..self
        })
    }
}

/// What a call has to know before all else, in a word: the limit, and what is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gate(pub(super) u64);

impl Gate {
    const OFF: u64 = 1 << 32;
    const READ_HEADER: u64 = 1 << 33;
    const PRESSURE: u64 = 1 << 34;
    const CONGESTED: u64 = 1 << 35;

    pub(super) fn new(limit: u32, enabled: bool, read_header: bool) -> Self {
        let off = if enabled { 0 } else { Self::OFF };
        let read = if read_header { Self::READ_HEADER } else { 0 };
        Self(u64::from(limit) | off | read)
    }

    /// The same, with inputs to ask.
    pub(super) fn with_pressure(self) -> Self {
        Self(self.0 | Self::PRESSURE)
    }

    /// The same, and every call goes through the queue's lock, to be counted, or none does again.
    pub(super) fn congested(self, is: bool) -> Self {
        if is {
            Self(self.0 | Self::CONGESTED)
        } else {
            Self(self.0 & !Self::CONGESTED)
        }
    }

    /// How many calls may run: any number while the layer is switched off.
    #[inline]
    pub(super) fn limit(self) -> u32 {
        if self.is_off() {
            u32::MAX
        } else {
            self.0 as u32
        }
    }

    #[inline]
    pub(super) fn is_off(self) -> bool {
        self.0 & Self::OFF != 0
    }

    #[inline]
    pub(super) fn reads_header(self) -> bool {
        self.0 & Self::READ_HEADER != 0
    }

    #[inline]
    pub(super) fn is_congested(self) -> bool {
        self.0 & Self::CONGESTED != 0
    }

    /// Whether there is nothing to ask but whether a place is free.
    #[inline]
    pub(super) fn is_plain(self) -> bool {
        self.0 & (Self::OFF | Self::PRESSURE | Self::CONGESTED) == 0
    }

    #[inline]
    pub(super) fn has_pressure(self) -> bool {
        self.0 & Self::PRESSURE != 0
    }
}

use std::time::Duration;

/// How a call of a customer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// All of a good answer came in time.
    Good,
    /// An error, or an answer that is not 2xx.
    Failed,
    /// Nothing came in time, and the customer went.
    GaveUp,
}

/// A call of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) group: u8,
    pub(super) came: Duration,
    pub(super) took: Duration,
    pub(super) end: End,
}

/// What is counted while a simulation runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) calls: Vec<Call>,
    /// When a call was sent upstream, in order.
    pub(super) sent: Vec<Duration>,
    /// How much work was done, and how much of that for nobody.
    pub(super) worked: Duration,
    pub(super) wasted: Duration,
}

impl Tally {
    pub(super) fn sent(&mut self, at: Duration) {
        self.sent.push(at);
    }

    pub(super) fn worked(&mut self, work: Duration, for_nobody: bool) {
        self.worked += work;
        if for_nobody {
            self.wasted += work;
        }
    }
}

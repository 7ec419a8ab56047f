use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::lanes::Lanes;
use crate::bus::BusError;

/// An answer to whoever waits for it.
pub(super) type Answer<T> = oneshot::Sender<Result<T, BusError>>;

/// Something to write.
#[derive(Debug)]
pub(super) enum Operation {
    /// Adds events to the log.
    Publish { rows: Vec<Row>, answer: Answer<()> },
    /// Takes the first of these partitions, which have something for the group.
    Claim {
        group: Arc<str>,
        free: Vec<Free>,
        answer: Answer<Option<Claim>>,
    },
    /// Changes a partition that was claimed.
    Change {
        lanes: Arc<Lanes>,
        claim: ClaimId,
        change: Change,
        answer: Option<Answer<()>>,
    },
    /// Moves the group's cursors over what it does not want.
    Skip { group: Arc<str>, skips: Vec<Skip> },
    /// What waits for company is written now.
    Now,
}

impl Operation {
    /// Whether members other than its own should look at once. A partition that is given back after
    /// a batch is not worth waking all for: its member claims it again by itself.
    pub(super) fn is_news(&self) -> bool {
        match self {
            Self::Publish { .. } => true,
            Self::Change { change, .. } => matches!(change, Change::GiveBack { .. }),
            Self::Claim { .. } | Self::Skip { .. } | Self::Now => false,
        }
    }

    /// Whether nobody is held up if it is written a little later, with what else there is by then.
    pub(super) fn can_wait(&self) -> bool {
        match self {
            Self::Change { change, .. } => matches!(
                change,
                Change::Pass {
                    then: Then::GiveBack { soon: false },
                    ..
                }
            ),
            Self::Skip { .. } => true,
            Self::Publish { .. } | Self::Claim { .. } | Self::Now => false,
        }
    }
}

/// An event as it is stored.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) part: i64,
    pub(super) kind: String,
    pub(super) body: String,
}

/// What identifies a claim within its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClaimId {
    pub(super) part: i64,
    pub(super) epoch: i64,
}

/// A partition that may be claimed, as long as nobody else has done so since `epoch`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Free {
    pub(super) part: i64,
    pub(super) epoch: i64,
}

/// A cursor that is moved from one position to another, unless somebody else has moved or claimed it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skip {
    pub(super) part: i64,
    pub(super) epoch: i64,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A partition that now is ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) id: ClaimId,
    pub(super) passed: i64,
    pub(super) attempts: i64,
    pub(super) leased_until: i64,
}

/// What is changed of a claimed partition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// All up to this position is done with.
    Pass { to: i64, then: Then },
    /// Given back, for nobody until then.
    Retry { delay: Duration },
    /// Still ours.
    Keep,
    /// Given back. What was not even given out does not count as an attempt.
    GiveBack { untouched: bool },
}

/// What becomes of a partition when something of it is done with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    /// What comes next is given out, and is counted now.
    Next,
    /// It is given back; `soon` if somebody waits for it.
    GiveBack { soon: bool },
}

impl Change {
    /// Whether the partition stays ours.
    pub(super) fn keeps(self) -> bool {
        matches!(
            self,
            Self::Keep
                | Self::Pass {
                    then: Then::Next,
                    ..
                }
        )
    }
}

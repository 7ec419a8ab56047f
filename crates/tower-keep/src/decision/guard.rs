use std::{pin::Pin, sync::Arc};

use super::shared::Shared;
use crate::{
    observe::{Decision, Ending, recording},
    protocol::{End, Guard},
};

/// Keeps the record of a call until the call is over, and then tells of it.
#[derive(Debug)]
pub struct Recorded {
    /// None if the call is not recorded.
    pub(super) decision: Option<Decision>,
    /// Nor is this then.
    shared: Option<Arc<Shared>>,
    ending: Ending,
}

impl Recorded {
    #[inline]
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let decision = shared.begin();
        Self {
            shared: decision.is_some().then(|| shared.clone()),
            decision,
            ending: Ending::Dropped,
        }
    }
}

impl Guard for Recorded {
    #[inline]
    fn is_idle(&self) -> bool {
        self.decision.is_none()
    }

    fn end(self: Pin<&mut Self>, end: End<'_>) {
        self.get_mut().ending = match end {
            End::Complete { .. } => Ending::Answered,
            End::Failed => Ending::Failed,
        };
    }

    #[inline]
    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        recording(&mut self.get_mut().decision, poll)
    }
}

impl Drop for Recorded {
    /// After the layers inside have said their last word.
    #[inline]
    fn drop(&mut self) {
        if let Some(decision) = self.decision.take()
            && let Some(shared) = &self.shared
        {
            shared.explain(decision, self.ending);
        }
    }
}

use std::{fmt, pin::Pin, sync::Arc};

use super::core::Core;
use crate::{
    classify::{AtEnd, Class, Judgment},
    common::{
        cancel,
        clock::{self, Instant},
    },
    observe::EventKind,
    protocol::{End, Guard},
};

/// A call that went out, until it is known how it went. Dropped before that, the call was given up: a
/// failure if a deadline of this crate did it, and nothing otherwise.
pub struct Permit {
    /// Gone once all is known and counted.
    core: Option<Arc<Core>>,
    /// Set while the head is good and the end decides.
    at_end: Option<AtEnd>,
    /// Since when, where somebody wants to know how long it took.
    observed: Option<Instant>,
}

impl Permit {
    #[inline]
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            core: Some(core),
            at_end: None,
            observed: None,
        }
    }

    pub(super) fn observed(mut self) -> Self {
        self.observed = Some(clock::now());
        self
    }

    /// The head of the answer is there.
    #[inline]
    pub(super) fn answered(mut self, judgment: Judgment) -> Self {
        match judgment {
            Judgment::Final(verdict) => self.finish(verdict.class),
            Judgment::AtEnd(at_end) => self.at_end = Some(at_end),
        }
        self
    }

    #[inline]
    fn finish(&mut self, class: Class) {
        let Some(core) = self.core.take() else { return };
        core.ended(class);
        if let Some(since) = self.observed {
            let elapsed = clock::now().saturating_duration_since(since);
            core.emitter
                .emit(EventKind::CallFinished { class, elapsed });
        }
    }

    #[cold]
    fn given_up(&mut self) {
        let class = if cancel::reason() == cancel::Reason::Deadline {
            Class::Failure
        } else {
            self.at_end
                .map_or(Class::Ignored, |at_end| at_end.abandoned().class)
        };
        self.finish(class);
    }
}

impl Guard for Permit {
    #[inline]
    fn end(self: Pin<&mut Self>, end: End<'_>) {
        let this = self.get_mut();
        if let Some(at_end) = this.at_end {
            this.finish(at_end.ended(end).class);
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if self.core.is_some() {
            self.given_up();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("is_over", &self.core.is_none())
            .finish_non_exhaustive()
    }
}

use std::{fmt, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;

use super::{
    entry::{Entry, Refresh},
    shared::Shared,
    state::Freshness,
    store::Epoch,
};
use crate::{
    common::{answer::Recorder, clock::Instant},
    protocol::{End, Guard},
};

/// Keeps an answer while it goes by, and stores it when it is complete.
pub struct Storing(Option<Box<Pending>>);

pub(super) struct Pending {
    pub(super) recorder: Recorder,
    pub(super) freshness: Freshness,
    pub(super) shared: Arc<Shared>,
    pub(super) key: Vec<u8>,
    pub(super) asked_at: Epoch,
    pub(super) request: HeaderMap,
    pub(super) since: Instant,
    /// Held to the end, so that nobody asks again before this one is kept.
    pub(super) _refresh: Option<Refresh>,
}

impl Storing {
    pub(super) fn new(pending: Pending) -> Self {
        Self(Some(Box::new(pending)))
    }

    /// Nothing to keep.
    pub(super) const fn none() -> Self {
        Self(None)
    }
}

impl Guard for Storing {
    fn on_frame(mut self: Pin<&mut Self>, data: &Bytes) {
        if let Some(pending) = &mut self.0 {
            pending.recorder.on_frame(data);
            if pending.recorder.is_over() {
                // Too large now: what was kept of it before is out of date.
                pending.shared.store.remove(&pending.key, &pending.request);
                self.0 = None;
            }
        }
    }

    fn end(mut self: Pin<&mut Self>, end: End<'_>) {
        let Some(mut pending) = self.0.take() else {
            return;
        };
        if let Some(answer) = pending.recorder.end(end) {
            // In memory of its own: it may stay for long.
            let answer = Arc::new(answer.compact());
            let entry = Entry::new(answer, pending.freshness, pending.since);
            let store = &pending.shared.store;
            store.put(&pending.key, &pending.request, entry, pending.asked_at);
        }
    }
}

impl fmt::Debug for Storing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storing").finish_non_exhaustive()
    }
}

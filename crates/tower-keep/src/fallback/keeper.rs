use std::{pin::Pin, sync::Arc};

use bytes::Bytes;

use super::shared::Shared;
use crate::{
    common::answer::Recorder,
    protocol::{End, Guard},
};

/// Keeps a good answer while it goes by, if there is use for it.
pub struct Keeper(Option<Box<Keeping>>);

struct Keeping {
    recorder: Recorder,
    key: Vec<u8>,
    shared: Arc<Shared>,
}

impl Keeper {
    /// Keeps nothing.
    pub(super) const NOTHING: Self = Self(None);

    pub(super) fn new(recorder: Recorder, key: Vec<u8>, shared: Arc<Shared>) -> Self {
        Self(Some(Box::new(Keeping {
            recorder,
            key,
            shared,
        })))
    }
}

impl Guard for Keeper {
    // What has no body has no key, so nothing is kept of it.
    const MINDS_END: bool = false;

    fn end(self: Pin<&mut Self>, end: End<'_>) {
        if let Some(mut keeping) = self.get_mut().0.take()
            && let Some(answer) = keeping.recorder.end(end)
        {
            let config = keeping.shared.config();
            keeping.shared.store.put(keeping.key, answer, &config);
        }
    }

    fn on_frame(self: Pin<&mut Self>, data: &Bytes) {
        let kept = &mut self.get_mut().0;
        if let Some(keeping) = kept {
            keeping.recorder.on_frame(data);
            if keeping.recorder.is_over() {
                *kept = None;
            }
        }
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keeper").field(&self.0.is_some()).finish()
    }
}

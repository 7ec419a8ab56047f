use std::{fmt, pin::Pin, sync::Arc};

use bytes::Bytes;

use super::Lead;
use crate::{
    common::answer::{Answer, Recorder},
    protocol::{End, Guard},
};

/// An answer that is shared: of HTTP calls.
#[derive(Clone)]
pub struct Kept(pub(super) Arc<Answer>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Keeps a leader's answer while it goes by, and gives it to those who wait when it is complete.
///
/// Dropped before that, it hands the lead on.
pub struct Recording(Option<(Recorder, Lead<Kept>)>);

impl Recording {
    pub(super) fn new(recorder: Recorder, lead: Lead<Kept>) -> Self {
        Self(Some((recorder, lead)))
    }

    /// Nobody waits for this one.
    pub(super) const fn none() -> Self {
        Self(None)
    }
}

impl Guard for Recording {
    fn on_frame(mut self: Pin<&mut Self>, data: &Bytes) {
        let Some((recorder, _)) = &mut self.0 else {
            return;
        };
        recorder.on_frame(data);
        if recorder.is_over()
            && let Some((_, lead)) = self.0.take()
        {
            lead.release();
        }
    }

    fn end(mut self: Pin<&mut Self>, end: End<'_>) {
        let Some((mut recorder, lead)) = self.0.take() else {
            return;
        };
        match recorder.end(end) {
            Some(answer) => lead.finish(Kept(Arc::new(answer))),
            // It broke off, or is not as long as it says.
            None => lead.fail(),
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

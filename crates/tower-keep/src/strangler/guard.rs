use std::pin::Pin;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{
    common::answer::{Answer, Recorder},
    protocol::{End, Guard},
};

/// Watches an answer go by that is to be compared.
#[derive(Debug)]
pub struct ShadowGuard(Option<Watch>);

#[derive(Debug)]
struct Watch {
    recorder: Recorder,
    answer: oneshot::Sender<Answer>,
}

impl ShadowGuard {
    /// For a call that is not in the shadow.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) fn new(recorder: Recorder, answer: oneshot::Sender<Answer>) -> Self {
        Self(Some(Watch { recorder, answer }))
    }
}

impl Guard for ShadowGuard {
    fn end(mut self: Pin<&mut Self>, end: End<'_>) {
        if let Some(mut watch) = self.0.take()
            && let Some(answer) = watch.recorder.end(end)
        {
            // Nobody waits for it any more if the shadow took too long.
            let _ = watch.answer.send(answer);
        }
    }

    fn on_frame(mut self: Pin<&mut Self>, data: &Bytes) {
        if let Some(watch) = &mut self.0 {
            watch.recorder.on_frame(data);
        }
    }
}

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use crate::common::sync::{self, Mutex};

/// Wakes all attempts that wait for the same body, since a body knows one waker only.
///
/// An attempt that relied on another to wake it would wait for ever if that one is busy otherwise.
#[derive(Default)]
pub(super) struct Bell(Mutex<Vec<Waker>>);

impl Bell {
    pub(super) fn add(&self, waker: &Waker) {
        let mut waiting = sync::lock(&self.0);
        if !waiting.iter().any(|one| one.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = std::mem::take(&mut *sync::lock(&self.0));
        for waker in waiting {
            waker.wake();
        }
    }
}

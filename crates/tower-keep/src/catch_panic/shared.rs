use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use super::{CatchPanicConfig, LAYER};
use crate::{
    common::atomic::{AtomicBool, AtomicU64, Relaxed},
    observe::{Emitter, EventKind},
    rejection::{Kind, Rejection},
};

/// What a layer, its clones, services and handles have in common. Both words are read and written
/// alone and guard no memory: relaxed.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) emitter: Emitter,
    enabled: AtomicBool,
    caught: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: CatchPanicConfig) -> Arc<Self> {
        Arc::new(Self {
            emitter: Emitter::new(LAYER),
            enabled: AtomicBool::new(config.enabled),
            caught: AtomicU64::new(0),
        })
    }

    pub(super) fn config(&self) -> CatchPanicConfig {
        CatchPanicConfig {
            enabled: self.enabled.load(Relaxed),
        }
    }

    pub(super) fn configure(&self, config: CatchPanicConfig) {
        self.enabled.store(config.enabled, Relaxed);
    }

    pub(super) fn caught(&self) -> u64 {
        self.caught.load(Relaxed)
    }

    /// Does `work`; a panic in it becomes a rejection, unless panics are to go on.
    ///
    /// What it gives it leaves where it is wanted: on its way out of here it would be copied four times.
    #[inline]
    pub(super) fn catch(&self, work: impl FnOnce()) -> Result<(), Rejection> {
        // What the panic left half done is not used again: the call is over, and a service that is
        // broken by a panic is as broken without this layer.
        catch_unwind(AssertUnwindSafe(work)).map_err(|payload| self.rejection(payload))
    }

    #[cold]
    fn rejection(&self, payload: Box<dyn Any + Send>) -> Rejection {
        if !self.config().enabled {
            resume_unwind(payload);
        }
        self.caught.fetch_add(1, Relaxed);
        let message = message(&*payload).to_owned();
        // A payload is any value, and its drop may panic as well.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        self.emitter.emit(EventKind::PanicCaught { message });
        Rejection::new(Kind::Panicked, LAYER, self.emitter.name())
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

use std::{fmt, sync::Arc};

use super::{DetachConfig, LAYER};
use crate::{
    common::{
        atomic::{AcqRel, Acquire, AtomicBool, AtomicU64, AtomicUsize, Relaxed},
        cancel::{self, Reason},
        notify::Notify,
        sync::{self, Mutex},
    },
    observe::{Emitter, EventKind},
    protocol::Head,
};

pub(super) type Rule = dyn Fn(&Head<'_>) -> bool + Send + Sync;

/// What a layer, its clones, services and handles have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) live: Arc<Live>,
    pub(super) only: Option<Arc<Rule>>,
}

/// What changes while calls run. The settings are read one by one and guard no memory: relaxed.
pub(super) struct Live {
    pub(super) emitter: Emitter,
    enabled: AtomicBool,
    after_deadline: AtomicBool,
    /// Held by whoever changes them.
    changing: Mutex<()>,
    max_detached: AtomicUsize,
    /// How many go on. The last one's release pairs with the acquire of who waits for none, who then
    /// sees all that they did.
    detached: AtomicUsize,
    idle: Notify,
    total: AtomicU64,
    dropped: AtomicU64,
}

/// A place among the calls that go on.
pub(super) struct Place(Arc<Live>);

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.detached.fetch_sub(1, AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Shared {
    pub(super) fn new(config: DetachConfig) -> Self {
        Self {
            live: Arc::new(Live {
                emitter: Emitter::new(LAYER),
                enabled: AtomicBool::new(config.enabled),
                after_deadline: AtomicBool::new(config.after_deadline),
                changing: Mutex::new(()),
                max_detached: AtomicUsize::new(config.max_detached),
                detached: AtomicUsize::new(0),
                idle: Notify::new(),
                total: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
            }),
            only: None,
        }
    }

    /// Whether this call is one that may go on.
    pub(super) fn is_meant(&self, head: Option<Head<'_>>) -> bool {
        self.live.enabled.load(Relaxed)
            && match (head, &self.only) {
                (None, _) => true,
                (Some(head), Some(only)) => only(&head),
                (Some(head), None) => !head.method.is_safe(),
            }
    }
}

impl Live {
    pub(super) fn config(&self) -> DetachConfig {
        DetachConfig {
            enabled: self.enabled.load(Relaxed),
            max_detached: self.max_detached.load(Relaxed),
            after_deadline: self.after_deadline.load(Relaxed),
        }
    }

    pub(super) fn configure(&self, config: DetachConfig) {
        // Of two updates at once one is in force, and all of it.
        let _changing = sync::lock(&self.changing);
        self.enabled.store(config.enabled, Relaxed);
        self.max_detached.store(config.max_detached, Relaxed);
        self.after_deadline.store(config.after_deadline, Relaxed);
    }

    /// The place of a call whose caller is just giving up, if it is to go on.
    pub(super) fn place(self: &Arc<Self>) -> Option<Place> {
        let config = self.config();
        let is_late = cancel::reason() == Reason::Deadline;
        if !config.enabled || is_late && !config.after_deadline {
            return None;
        }
        let one_more = |n| (n < config.max_detached).then_some(n + 1);
        if self
            .detached
            .fetch_update(Relaxed, Relaxed, one_more)
            .is_err()
        {
            self.dropped.fetch_add(1, Relaxed);
            return None;
        }
        self.total.fetch_add(1, Relaxed);
        self.emitter.emit(EventKind::CallDetached);
        Some(Place(self.clone()))
    }

    pub(super) fn detached(&self) -> usize {
        self.detached.load(Acquire)
    }

    pub(super) fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    pub(super) async fn idle(&self) {
        loop {
            // Made before the look, so that the last one's word in between is not missed.
            let idle = self.idle.notified();
            if self.detached() == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.live.config())
            .field("detached", &self.live.detached())
            .field("emitter", &self.live.emitter)
            .finish_non_exhaustive()
    }
}

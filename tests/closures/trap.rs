use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Panics once, when somebody next steps on it after it was set.
#[derive(Clone, Debug, Default)]
pub(super) struct Trap(Arc<AtomicBool>);

impl Trap {
    pub(super) fn set(&self) {
        self.0.store(true, Relaxed);
    }

    pub(super) fn has_sprung(&self) -> bool {
        !self.0.load(Relaxed)
    }

    pub(super) fn step(&self) {
        assert!(!self.0.swap(false, Relaxed), "the closure panics");
    }
}

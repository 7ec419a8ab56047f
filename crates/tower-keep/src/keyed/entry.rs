use std::{ops::Deref, sync::Arc};

use super::Keyable;
use crate::common::atomic::{Acquire, AtomicU32, Relaxed, Release};

/// A key with its layer.
pub(super) struct Entry<L> {
    /// `None` is the shared one.
    pub(super) key: Option<Arc<str>>,
    pub(super) layer: L,
    /// How many calls are at it, and [`RETIRED`]. Whoever comes adds one and looks whether it is
    /// retired; whoever retires it does so only where nobody is. One word, so one of the two sees the
    /// other. Leaving is a release, retiring an acquire: what the calls did to the layer is seen by
    /// the one who asks it whether it is idle.
    users: AtomicU32,
    /// The epoch of the last call. A hint that publishes nothing: relaxed.
    seen: AtomicU32,
}

/// The entry is out of the map, or is about to be.
const RETIRED: u32 = 1 << 31;

impl<L> Entry<L> {
    pub(super) fn new(key: Option<Arc<str>>, layer: L, epoch: u32) -> Arc<Self> {
        Arc::new(Self {
            key,
            layer,
            users: AtomicU32::new(0),
            seen: AtomicU32::new(epoch),
        })
    }

    /// A call comes to it; `None` if it is retired.
    #[inline]
    pub(super) fn enter(self: &Arc<Self>, epoch: u32) -> Option<Use<L>> {
        if self.users.fetch_add(1, Acquire) & RETIRED != 0 {
            self.users.fetch_sub(1, Relaxed);
            return None;
        }
        // Seldom written: this line is shared by all who call with this key.
        if self.seen.load(Relaxed) != epoch {
            self.seen.store(epoch, Relaxed);
        }
        Some(Use(self.clone()))
    }
}

impl<L: Keyable> Entry<L> {
    /// Retires it if nobody would notice, so that no call comes to it any more. Not by two at once.
    pub(super) fn retire(&self, epoch: u32) -> bool {
        if let Err(users) = self.users.compare_exchange(0, RETIRED, Acquire, Relaxed) {
            // A retired one whose place was not taken, because making the next one panicked.
            return users & RETIRED != 0;
        }
        let goes = self.layer.is_idle()
            || (epoch.wrapping_sub(self.seen.load(Relaxed)) >= 2 && self.layer.is_forgettable());
        if !goes {
            self.users.fetch_and(!RETIRED, Release);
        }
        goes
    }
}

/// A call at a key, which stays as long.
pub(super) struct Use<L>(Arc<Entry<L>>);

impl<L> Deref for Use<L> {
    type Target = Entry<L>;

    #[inline]
    fn deref(&self) -> &Entry<L> {
        &self.0
    }
}

impl<L> Drop for Use<L> {
    #[inline]
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Release);
    }
}

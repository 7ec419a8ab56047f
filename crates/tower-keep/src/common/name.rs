use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, OnceLock},
};

use super::statics::{Acquire, AtomicBool, Release, RwLock, read, write};

/// What a layer is called in events, metrics, rejections and snapshots.
///
/// A name is kept for as long as the process, once, so that whatever bears it, each refusal for one, is
/// copied and dropped for nothing: programs have as many as they have layers. What callers choose is a
/// [`Key`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Name(&'static str);

impl Name {
    pub(crate) const EMPTY: Self = Self("");

    pub(crate) fn new(name: impl AsRef<str>) -> Self {
        static ALL: RwLock<BTreeSet<&'static str>> = RwLock::new(BTreeSet::new());
        let name = name.as_ref();
        if name.is_empty() {
            return Self::EMPTY;
        }
        let mut all = write(&ALL);
        if let Some(known) = all.get(name) {
            return Self(known);
        }
        let kept = String::leak(name.to_owned());
        all.insert(kept);
        Self(kept)
    }

    #[inline]
    pub(crate) const fn as_str(&self) -> &'static str {
        self.0
    }
}

/// Which of a layer's keys something is about, none as a rule; cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Key(Option<Arc<str>>);

impl Key {
    pub(crate) fn new(key: &str) -> Self {
        Self((!key.is_empty()).then(|| Arc::from(key)))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The name that a layer has: given once as a rule, before any call, and then read without a lock by
/// every refusal.
#[derive(Default)]
pub(crate) struct Nameplate {
    first: OnceLock<Name>,
    /// Whether there is a later one. Stored with release after the name, and loaded with acquire
    /// before it, so that whoever sees it finds the name.
    is_renamed: AtomicBool,
    later: RwLock<Name>,
}

impl Nameplate {
    pub(crate) fn give(&self, name: Name) {
        if let Err(name) = self.first.set(name) {
            *write(&self.later) = name;
            self.is_renamed.store(true, Release);
        }
    }

    #[inline]
    pub(crate) fn name(&self) -> Name {
        if self.is_renamed.load(Acquire) {
            return self.later_name();
        }
        self.first.get().copied().unwrap_or_default()
    }

    #[cold]
    fn later_name(&self) -> Name {
        *read(&self.later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_counts() {
        let plate = Nameplate::default();
        assert_eq!(plate.name().as_str(), "");
        for name in ["orders", "payments", "", "orders"] {
            plate.give(Name::new(name));
            assert_eq!(plate.name().as_str(), name);
        }
    }
}

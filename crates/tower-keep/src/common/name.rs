use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::statics::{Acquire, AtomicBool, Release, RwLock, read, write};

/// What a layer is called in events, metrics, rejections and snapshots; cheap to clone, and cheaper
/// if it is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Name(Option<Arc<str>>);

impl Name {
    pub(crate) const EMPTY: Self = Self(None);

    pub(crate) fn new(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        Self((!name.is_empty()).then(|| Arc::from(name)))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn shared(&self) -> Arc<str> {
        self.0.clone().unwrap_or_default()
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
        self.first.get().cloned().unwrap_or_default()
    }

    #[cold]
    fn later_name(&self) -> Name {
        let name = read(&self.later);
        name.clone()
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

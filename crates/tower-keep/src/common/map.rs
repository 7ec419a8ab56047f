//! A map that is read without a lock, and what stands in for it in a model.

use std::{borrow::Borrow, hash::Hash, sync::Arc};

/// Values by key; each lookup is one step.
pub(crate) struct Map<K, V>(Inner<K, V>);

#[cfg(not(all(test, keep_loom)))]
type Inner<K, V> = papaya::HashMap<K, Arc<V>>;
/// loom does not see into papaya, and so not either that whoever finds a value finds all of it.
#[cfg(all(test, keep_loom))]
type Inner<K, V> = super::sync::Mutex<std::collections::HashMap<K, Arc<V>>>;

#[cfg(not(all(test, keep_loom)))]
impl<K: Hash + Eq, V> Map<K, V> {
    pub(crate) fn new() -> Self {
        Self(Inner::new())
    }

    /// What `look` makes of the value of `key`, if there is one.
    #[inline]
    pub(crate) fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&Arc<V>) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.pin().get(key).map(look)
    }

    pub(crate) fn insert(&self, key: K, value: Arc<V>) {
        self.0.pin().insert(key, value);
    }

    /// Takes `value` out, if it is still that of `key`.
    pub(crate) fn remove<Q>(&self, key: &Q, value: &Arc<V>)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let map = self.0.pin();
        let _ = map.remove_if(key, |_, there| Arc::ptr_eq(there, value));
    }
}

#[cfg(all(test, keep_loom))]
impl<K: Hash + Eq, V> Map<K, V> {
    pub(crate) fn new() -> Self {
        Self(Inner::default())
    }

    pub(crate) fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&Arc<V>) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let found = super::sync::lock(&self.0).get(key).cloned();
        found.as_ref().map(look)
    }

    pub(crate) fn insert(&self, key: K, value: Arc<V>) {
        super::sync::lock(&self.0).insert(key, value);
    }

    pub(crate) fn remove<Q>(&self, key: &Q, value: &Arc<V>)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut map = super::sync::lock(&self.0);
        if map.get(key).is_some_and(|there| Arc::ptr_eq(there, value)) {
            map.remove(key);
        }
    }
}

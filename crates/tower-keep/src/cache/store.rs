use std::{
    array, fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use http::{HeaderMap, HeaderName};
use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use super::entry::Entry;
use crate::common::{
    atomic::{AtomicU64, SeqCst, write_then_look},
    directives, target,
};

/// The entries, by key, bounded by weight.
///
/// An answer that depends on fields of the request is kept under the key and those fields, and under the
/// key alone it says which they are. So that what was invalidated stays so, such a family has a number.
pub(super) struct Store {
    cache: Cache<Vec<u8>, Kept, ByWeight, RandomState>,
    hasher: RandomState,
    /// How often something was invalidated, for each 64th of the keys: what was asked for before is not
    /// kept after. Who invalidates counts and then removes, who keeps inserts and then looks, so one of
    /// them sees the other. The lock in the cache sees to that; a model does not see that lock, so it has
    /// the fence of [`write_then_look`].
    epochs: [AtomicU64; 64],
    families: AtomicU64,
}

#[derive(Clone)]
enum Kept {
    Entry(Arc<Entry>),
    Varies(Arc<Family>),
}

struct Family {
    number: u64,
    names: Vec<HeaderName>,
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<Vec<u8>, Kept> for ByWeight {
    fn weight(&self, key: &Vec<u8>, kept: &Kept) -> u64 {
        // What the store itself needs for an entry.
        const PLACE: usize = 96;
        let weight = match kept {
            Kept::Entry(entry) => entry.weight,
            Kept::Varies(family) => 64 * family.names.len(),
        };
        (PLACE + key.len() + weight) as u64
    }
}

/// The time of a part of the keys, as far as invalidation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl Store {
    pub(super) fn new(max_bytes: usize, max_body: usize) -> Self {
        // A part must have room for some of the largest entries, with their headers.
        let parts = (max_bytes / (4 * (max_body + 4096))).clamp(1, 16);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(1024)
            .weight_capacity(max_bytes as u64)
            .shards(1 << parts.ilog2())
            .build()
            .expect("both capacities are given");
        let hasher = RandomState::new();
        Self {
            cache: Cache::with_options(
                options,
                ByWeight,
                hasher.clone(),
                DefaultLifecycle::default(),
            ),
            hasher,
            epochs: array::from_fn(|_| AtomicU64::new(0)),
            families: AtomicU64::new(0),
        }
    }

    fn clock(&self, key: &[u8]) -> &AtomicU64 {
        &self.epochs[self.hasher.hash_one(key) as usize % self.epochs.len()]
    }

    pub(super) fn epoch(&self, key: &[u8]) -> Epoch {
        Epoch(self.clock(key).load(SeqCst))
    }

    pub(super) fn get(&self, key: &[u8], request: &HeaderMap) -> Option<Arc<Entry>> {
        let family = match self.cache.get(key)? {
            Kept::Entry(entry) => return Some(entry),
            Kept::Varies(family) => family,
        };
        match self.cache.get(&variant(key, &family, request)[..])? {
            Kept::Entry(entry) => Some(entry),
            Kept::Varies(_) => None,
        }
    }

    /// Keeps `entry`, unless what was known when it was asked for has been invalidated since.
    pub(super) fn put(&self, key: &[u8], request: &HeaderMap, entry: Entry, asked_at: Epoch) {
        if self.epoch(key) != asked_at {
            return;
        }
        let Some(names) = directives::vary(&entry.answer.headers) else {
            return;
        };
        let entry = Kept::Entry(Arc::new(entry));
        let insert = || {
            if names.is_empty() {
                self.cache.insert(key.to_vec(), entry);
            } else {
                let family = self.family(key, names);
                let variant = variant(key, &family, request);
                self.cache.insert(variant, entry);
            }
        };
        let now = |order| Epoch(self.clock(key).load(order));
        let ((), now) = write_then_look(|_| insert(), now);
        if now != asked_at {
            self.cache.remove(key);
        }
    }

    fn family(&self, key: &[u8], names: Vec<HeaderName>) -> Arc<Family> {
        if let Some(Kept::Varies(family)) = self.cache.get(key)
            && family.names == names
        {
            return family;
        }
        let family = Arc::new(Family {
            number: self.families.fetch_add(1, SeqCst),
            names,
        });
        self.cache
            .insert(key.to_vec(), Kept::Varies(family.clone()));
        family
    }

    /// Takes what is kept for a request like this away.
    pub(super) fn remove(&self, key: &[u8], request: &HeaderMap) {
        if let Some(Kept::Varies(family)) = self.cache.get(key) {
            self.cache.remove(&variant(key, &family, request)[..]);
        } else {
            self.cache.remove(key);
        }
    }

    /// Takes all that is kept for `key` away, and what is on its way.
    pub(super) fn invalidate(&self, key: &[u8]) -> bool {
        let count = |order| self.clock(key).fetch_add(1, order);
        let (_, removed) = write_then_look(count, |_| self.cache.remove(key));
        removed.is_some()
    }

    pub(super) fn clear(&self) {
        for epoch in &self.epochs {
            epoch.fetch_add(1, SeqCst);
        }
        self.cache.clear();
    }

    pub(super) fn resize(&self, max_bytes: usize) {
        self.cache.set_capacity(max_bytes as u64);
    }

    pub(super) fn entries(&self) -> usize {
        self.cache.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.cache.weight()
    }
}

/// The key of a member of a family.
fn variant(key: &[u8], family: &Family, request: &HeaderMap) -> Vec<u8> {
    let mut variant = Vec::with_capacity(key.len() + 64);
    // No method begins so.
    variant.push(0);
    variant.extend_from_slice(&family.number.to_le_bytes());
    variant.extend_from_slice(key);
    for name in &family.names {
        variant.push(b'\n');
        target::push_field(&mut variant, request, name);
    }
    variant
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("entries", &self.entries())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

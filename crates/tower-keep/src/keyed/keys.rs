use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Keyable,
    entry::{Entry, Use},
};
use crate::{
    common::{
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Relaxed, SeqCst, fence},
        clock::{self, Instant},
        map::Map,
        sync::{self, Mutex},
    },
    config::ConfigError,
    observe::EventKind,
};

/// A bounded number of keys, each with a layer of its own, and one that is shared by the rest.
///
/// Calls find their key in a concurrent map and take no lock. The lock is for new keys, for those that
/// go and for people; it is never held while an event is told.
pub(super) struct Keys<L: Keyable> {
    map: Map<Arc<str>, Entry<L>>,
    /// The layer that the others are made from. Its state is that of the shared key.
    shared: Arc<Entry<L>>,
    /// How many times [`Ring::forget_after`] has passed, as far as new keys have noticed. A hint that
    /// publishes nothing: relaxed.
    epoch: AtomicU32,
    ring: Mutex<Ring<L>>,
    /// How many times a configuration has changed: see [`changed`](Self::changed).
    version: AtomicU64,
    max_keys: AtomicUsize,
    /// Statistics; relaxed, they order nothing.
    overflowed: AtomicU64,
    evicted: AtomicU64,
}

/// The keys in the order that they are looked at when one has to go.
struct Ring<L: Keyable> {
    entries: Vec<Arc<Entry<L>>>,
    hand: usize,
    forget_after: Duration,
    epoch_began: Instant,
    /// The configurations of keys that have one of their own.
    overrides: BTreeMap<String, L::Config>,
}

/// What became of a call with a new key.
enum Arrival<L> {
    There(Use<L>),
    Overflowed,
}

impl<L: Keyable> Keys<L> {
    pub(super) fn new(template: L) -> Arc<Self> {
        Arc::new(Self {
            map: Map::new(),
            shared: Entry::new(None, template, 0),
            epoch: AtomicU32::new(0),
            ring: Mutex::new(Ring {
                entries: Vec::new(),
                hand: 0,
                forget_after: FORGET_AFTER,
                epoch_began: clock::now(),
                overrides: BTreeMap::new(),
            }),
            version: AtomicU64::new(0),
            max_keys: AtomicUsize::new(MAX_KEYS),
            overflowed: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        })
    }

    /// The entry of a key; it is made if there is none.
    #[inline]
    pub(super) fn pick(&self, key: Option<&str>) -> Use<L> {
        match key {
            Some(key) if (1..=LONGEST_KEY).contains(&key.len()) => {
                self.find(key).unwrap_or_else(|| self.make(key))
            }
            _ => self.shared(),
        }
    }

    #[inline]
    fn find(&self, key: &str) -> Option<Use<L>> {
        let enter = |entry: &Arc<Entry<L>>| entry.enter(self.epoch.load(Relaxed));
        self.map.look(key, enter).flatten()
    }

    #[inline]
    fn shared(&self) -> Use<L> {
        self.shared.enter(0).expect("it is never retired")
    }

    #[cold]
    fn make(&self, key: &str) -> Use<L> {
        match self.arrive(key) {
            Arrival::There(entry) => entry,
            Arrival::Overflowed => {
                self.overflowed.fetch_add(1, Relaxed);
                self.template().tell(EventKind::KeyOverflowed);
                self.shared()
            }
        }
    }

    fn arrive(&self, key: &str) -> Arrival<L> {
        let now = clock::now();
        // Dropped after the lock is let go of: it is theirs who wrote the layer.
        let gone;
        let mut ring = sync::lock(&self.ring);
        if let Some(entry) = self.find(key) {
            return Arrival::There(entry);
        }
        if now.saturating_duration_since(ring.epoch_began) >= ring.forget_after {
            ring.epoch_began = now;
            self.epoch.fetch_add(1, Relaxed);
        }
        let Some(place) = self.place(&mut ring) else {
            return Arrival::Overflowed;
        };
        let (key, epoch) = (Arc::<str>::from(key), self.epoch.load(Relaxed));
        let own = ring.overrides.get(&*key).cloned();
        let config = own.unwrap_or_else(|| self.template().configuration());
        let layer = self.template().fork(&key, config);
        let entry = Entry::new(Some(key.clone()), layer, epoch);
        let user = entry.enter(epoch).expect("it is new");
        if place < ring.entries.len() {
            gone = std::mem::replace(&mut ring.entries[place], entry.clone());
        } else {
            ring.entries.push(entry.clone());
            gone = entry.clone();
        }
        self.map.insert(key, entry);
        drop(ring);
        drop(gone);
        Arrival::There(user)
    }

    /// Where a new key can be put: at the end, or where one was that nobody misses.
    fn place(&self, ring: &mut Ring<L>) -> Option<usize> {
        let (len, max) = (ring.entries.len(), self.max_keys.load(Relaxed));
        if len < max {
            return Some(len);
        }
        for _ in 0..LOOKS.min(len) {
            let place = ring.hand % len;
            ring.hand = place + 1;
            let entry = &ring.entries[place];
            if entry.retire(self.epoch.load(Relaxed)) {
                if let Some(key) = &entry.key {
                    // Unless it came again elsewhere, because making the next one here panicked.
                    self.map.remove(&**key, entry);
                }
                self.evicted.fetch_add(1, Relaxed);
                return Some(place);
            }
        }
        None
    }

    /// The entry of a key; it is made if there is none. `None` if there is no room.
    pub(super) fn ensure(&self, key: &str) -> Option<Use<L>> {
        if !(1..=LONGEST_KEY).contains(&key.len()) {
            return None;
        }
        self.find(key).or_else(|| match self.arrive(key) {
            Arrival::There(entry) => Some(entry),
            Arrival::Overflowed => None,
        })
    }

    /// Gives the shared key and all others but those with a configuration of their own another one.
    pub(super) fn configure(&self, config: L::Config) -> Result<(), ConfigError> {
        self.template().check(&config)?;
        self.template().configure(config);
        self.changed(|| {
            for entry in self.entries() {
                // Its own too: what it had none of a moment ago it may have got since.
                entry.layer.configure(self.wanted(&entry));
            }
        });
        Ok(())
    }

    /// The template or an override is another: `pass_on` sees to it that the keys follow.
    ///
    /// It is done again if there was another change meanwhile, so that whoever changes last passes the
    /// last configuration on last. A change is a fence after a write, and so is a look whether there
    /// was one: of two at the same time, one sees the other's change, or what it passes on comes first.
    fn changed(&self, pass_on: impl Fn()) {
        let mut version = self.version.fetch_add(1, SeqCst) + 1;
        loop {
            fence(SeqCst);
            pass_on();
            fence(SeqCst);
            match self.version.load(SeqCst) {
                same if same == version => return,
                newer => version = newer,
            }
        }
    }

    /// Gives a key a configuration of its own, or takes it away.
    pub(super) fn configure_key(
        &self,
        key: &str,
        config: Option<L::Config>,
    ) -> Result<(), ConfigError> {
        if let Some(config) = &config {
            self.template().check(config)?;
        }
        let mut ring = sync::lock(&self.ring);
        match config {
            Some(config) => drop(ring.overrides.insert(key.to_owned(), config)),
            None => drop(ring.overrides.remove(key)),
        }
        drop(ring);
        self.changed(|| {
            if let Some(entry) = self.get(key) {
                entry.layer.configure(self.wanted(&entry));
            }
        });
        Ok(())
    }

    pub(super) fn overrides(&self) -> BTreeMap<String, L::Config> {
        sync::lock(&self.ring).overrides.clone()
    }

    /// What it is to be configured by.
    fn wanted(&self, entry: &Entry<L>) -> L::Config {
        let ring = sync::lock(&self.ring);
        let key = entry.key.as_deref();
        let own = key.and_then(|key| ring.overrides.get(key)).cloned();
        drop(ring);
        own.unwrap_or_else(|| self.template().configuration())
    }

    /// The layer that keys are made from, which serves the shared key.
    pub(super) fn template(&self) -> &L {
        &self.shared.layer
    }

    pub(super) fn get(&self, key: &str) -> Option<Arc<Entry<L>>> {
        self.map.look(key, Arc::clone)
    }

    /// The entry of a key, if there is one.
    pub(super) fn visit(&self, key: &str) -> Option<Use<L>> {
        self.find(key).or_else(|| {
            // It may be looked at whether it can go, and stay.
            let _ring = sync::lock(&self.ring);
            self.find(key)
        })
    }

    /// All keys but the shared one, at one moment.
    pub(super) fn entries(&self) -> Vec<Arc<Entry<L>>> {
        sync::lock(&self.ring).entries.clone()
    }

    pub(super) fn len(&self) -> usize {
        sync::lock(&self.ring).entries.len()
    }

    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed.load(Relaxed)
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    pub(super) fn max_keys(&self) -> usize {
        self.max_keys.load(Relaxed)
    }

    pub(super) fn set_max_keys(&self, max: usize) {
        self.max_keys.store(max, Relaxed);
    }

    pub(super) fn set_forget_after(&self, time: Duration) {
        sync::lock(&self.ring).forget_after = time;
    }
}

/// More than anybody has hosts, routes or tenants at once, and no more than 20 MB of breakers.
pub(super) const MAX_KEYS: usize = 10_000;
/// Longer than any outage that a state should be remembered through without a single call.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// As long as a host's name may be. What callers send is kept, so it needs a bound.
const LONGEST_KEY: usize = 256;
/// How many keys are looked at when one has to go.
const LOOKS: usize = 16;

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::Serialize;
use serde_json::Value;

use super::{Document, RegistryError};
use crate::{
    common::{
        atomic::{Acquire, AtomicBool, Relaxed, Release},
        sync::{self, RwLock},
    },
    config::Steer,
    observe::{Emitter, EventKind, Observer, Subscription, Vitals},
};

/// The handles of a process, by layer and name; see the [module](super).
///
/// A clone is the same registry.
#[derive(Clone)]
pub struct Registry {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    entries: RwLock<BTreeMap<Key, Entry>>,
    /// What every layer that comes is configured by.
    in_force: RwLock<InForce>,
    /// Whether a change is being made. Not a lock: layers tell of changes, and whoever hears of one
    /// may ask for the next. Taken with acquire and given back with release, so that one change sees
    /// all of the one before.
    busy: AtomicBool,
    pub(super) emitter: Emitter,
}

/// Layer and name.
pub(super) type Key = (&'static str, String);

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) handle: Arc<dyn Steer>,
    /// The configuration that it came with.
    pub(super) built: Value,
}

#[derive(Clone, Default)]
pub(super) struct InForce {
    pub(super) document: Document,
    pub(super) overrides: Document,
}

/// A layer that can be steered by name.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Listed {
    /// How it is doing, with its layer and name.
    #[serde(flatten)]
    pub vitals: Vitals,
    /// The configuration in force.
    pub config: Value,
    /// What can be done with it by hand.
    pub actions: &'static [&'static str],
}

/// Only whoever has it changes anything.
pub(super) struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}

impl Registry {
    /// A registry with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                entries: RwLock::default(),
                in_force: RwLock::default(),
                busy: AtomicBool::new(false),
                emitter: Emitter::new("registry"),
            }),
        }
    }

    /// Adds a layer by its handle: [`add`](Self::add) for a chain.
    ///
    /// # Panics
    /// If the layer has no name.
    #[must_use]
    pub fn with(self, handle: impl Steer + 'static) -> Self {
        self.add(handle);
        self
    }

    /// Puts `overrides`, such as [the environment](Document::from_env), over every document from the
    /// next on, and over the layers that come.
    #[must_use]
    pub fn overridden_by(self, overrides: Document) -> Self {
        sync::write(&self.shared.in_force).overrides = overrides;
        self
    }

    /// Adds a layer by its handle, or replaces the one of the same layer and name. Give it its name
    /// before, with `named`.
    ///
    /// A document that is in force is for it too. If it cannot work with that, it keeps the
    /// configuration it has, and [`EventKind::DocumentRefused`] says why.
    ///
    /// # Panics
    /// If the layer has no name.
    pub fn add(&self, handle: impl Steer + 'static) {
        let (layer, name) = (handle.layer(), handle.name());
        assert!(
            !name.is_empty(),
            "a {layer} without a name cannot be steered by it: call `named` first"
        );
        let built = handle.config();
        let entry = Entry {
            handle: Arc::new(handle),
            built,
        };
        let key = (layer, name);
        let before = sync::write(&self.shared.entries).insert(key.clone(), entry.clone());
        let change = if before.is_some() {
            "replaced"
        } else {
            "added"
        };
        self.tell_handle(&key, change);
        self.configure_new(&key, &entry);
    }

    /// Takes a layer out again. The layer goes on as it is.
    ///
    /// # Errors
    /// If there is no such layer.
    pub fn remove(&self, layer: &str, name: &str) -> Result<(), RegistryError> {
        let (key, _) = self.find(layer, name)?;
        if sync::write(&self.shared.entries).remove(&key).is_some() {
            self.tell_handle(&key, "removed");
        }
        Ok(())
    }

    /// The handle of a layer.
    #[must_use]
    pub fn get(&self, layer: &str, name: &str) -> Option<Arc<dyn Steer>> {
        self.handle(layer, name).ok()
    }

    /// All layers, by layer and name.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let entries = self.entries().into_values();
        entries
            .map(|Entry { handle, .. }| Listed {
                vitals: handle.vitals(),
                config: handle.config(),
                actions: handle.actions(),
            })
            .collect()
    }

    /// Does one of the layer's [actions](Steer::actions), such as `force_open` or `reset`.
    ///
    /// # Errors
    /// If there is no such layer, or no such action.
    pub fn act(&self, layer: &str, name: &str, action: &str) -> Result<(), RegistryError> {
        let handle = self.handle(layer, name)?;
        if handle.act(action) {
            return Ok(());
        }
        Err(RegistryError::UnknownAction {
            action: action.to_owned(),
            known: handle.actions(),
        })
    }

    /// Tells `observer` what happens to the registry: layers that come and go, documents.
    #[must_use]
    pub fn observe(self, observer: impl Observer + 'static) -> Self {
        self.shared.emitter.observe(observer);
        self
    }

    /// Hears what happens to the registry from now on, through a channel for `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.shared.emitter.subscribe(capacity)
    }

    pub(super) fn handle(&self, layer: &str, name: &str) -> Result<Arc<dyn Steer>, RegistryError> {
        self.find(layer, name).map(|(_, entry)| entry.handle)
    }

    fn find(&self, layer: &str, name: &str) -> Result<(Key, Entry), RegistryError> {
        let entries = sync::read(&self.shared.entries);
        let mut entries = entries.iter();
        match entries.find(|((of, called), _)| *of == layer && called == name) {
            Some((key, entry)) => Ok((key.clone(), entry.clone())),
            None => Err(RegistryError::UnknownHandle {
                layer: layer.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    /// Copies, so that no lock is held while they are asked.
    pub(super) fn entries(&self) -> BTreeMap<Key, Entry> {
        sync::read(&self.shared.entries).clone()
    }

    pub(super) fn in_force(&self) -> InForce {
        sync::read(&self.shared.in_force).clone()
    }

    pub(super) fn put_into_force(&self, document: Document) {
        sync::write(&self.shared.in_force).document = document;
    }

    pub(super) fn turn(&self) -> Result<Turn<'_>, RegistryError> {
        let busy = &self.shared.busy;
        match busy.compare_exchange(false, true, Acquire, Relaxed) {
            Ok(_) => Ok(Turn(busy)),
            Err(_) => Err(RegistryError::Busy),
        }
    }

    fn tell_handle(&self, (layer, name): &Key, change: &'static str) {
        self.shared.emitter.emit(EventKind::HandleChanged {
            handle: format!("{layer}.{name}"),
            change,
        });
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("handles", &self.entries().keys())
            .finish_non_exhaustive()
    }
}

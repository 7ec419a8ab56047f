//! How configurations come into force.

use serde::Serialize;
use serde_json::Value;

use super::{
    Document, Registry, RegistryError,
    entries::{Entry, InForce, Key},
    resolve::Subject,
};
use crate::{
    config::{Steer, SteerError, changes, merge},
    observe::EventKind,
};

/// What a document did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Applied {
    /// The layers that it changed.
    pub changed: Vec<Changed>,
    /// What it says of layers that are not there, such as `bulkhead.paymetns`.
    pub unknown: Vec<String>,
}

/// A layer whose configuration has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Changed {
    /// The layer.
    pub layer: String,
    /// Its name.
    pub name: String,
    /// What has: `max_queue: 0 -> 20`.
    pub changes: String,
}

/// A change that can be made, and taken back.
struct Change {
    key: Key,
    entry: Entry,
    old: Value,
    new: Value,
}

impl Registry {
    /// Puts a document into force, in place of the one before, as a whole or not at all. Layers keep
    /// their state; those that it leaves as they are notice nothing.
    ///
    /// What was changed by other means, such as a handle, is changed back: the document counts.
    ///
    /// # Errors
    /// If anything in it cannot work: the error names everything that cannot. If another change is
    /// being made. Nothing is changed then.
    pub fn apply(&self, document: Document) -> Result<Applied, RegistryError> {
        let source = document.source.clone();
        let applied = self.turn().and_then(|_turn| self.apply_all(document));
        self.tell_of_document(source, &applied);
        applied
    }

    /// Reads a file and puts it into force: at the start of a process, before [`watch`](Self::watch).
    ///
    /// # Errors
    /// If it cannot be read, or as [`apply`](Self::apply).
    pub fn load(&self, path: impl AsRef<std::path::Path>) -> Result<Applied, RegistryError> {
        self.apply(Document::read(path)?)
    }

    /// Gives one layer another configuration, until the next document; `config` is all of it.
    ///
    /// # Errors
    /// If there is no such layer, if it cannot work with that, or if another change is being made.
    pub fn configure(
        &self,
        layer: &str,
        name: &str,
        config: &Value,
    ) -> Result<Changed, RegistryError> {
        let handle = self.handle(layer, name)?;
        let _turn = self.turn()?;
        put_in(&*handle, layer, name, config)
    }

    /// [`configure`](Self::configure) with what is different and nothing else.
    ///
    /// # Errors
    /// As that.
    pub fn adjust(
        &self,
        layer: &str,
        name: &str,
        difference: &Value,
    ) -> Result<Changed, RegistryError> {
        let handle = self.handle(layer, name)?;
        // Before it is looked at, or the difference of another would be lost.
        let _turn = self.turn()?;
        let mut config = handle.config();
        merge(&mut config, difference, handle.alternatives());
        put_in(&*handle, layer, name, &config)
    }

    pub(super) fn apply_all(&self, document: Document) -> Result<Applied, RegistryError> {
        let entries = self.entries();
        let in_force = InForce {
            document,
            ..self.in_force()
        };
        let mut changes = Vec::new();
        let mut problems = Vec::new();
        for (key, entry) in &entries {
            match in_force.plan(key, entry) {
                Ok(change) => changes.extend(change),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            problems.extend(make(&changes));
        }
        if !problems.is_empty() {
            return Err(RegistryError::Refused(problems));
        }
        let there = |(layer, name): &(&str, &str)| {
            entries
                .keys()
                .any(|(of, called)| of == layer && called == name)
        };
        let InForce {
            document,
            overrides,
        } = &in_force;
        let unknown = document.entries().chain(overrides.entries());
        let unknown = unknown.filter(|entry| !there(entry));
        let applied = Applied {
            changed: changes.iter().map(Change::report).collect(),
            unknown: unknown.map(|(of, name)| format!("{of}.{name}")).collect(),
        };
        self.put_into_force(in_force.document);
        for (key, entry) in self.entries() {
            // It may have come meanwhile, and looked at the document before: then it is not as this one
            // says, or was so and is not any more. For all others there is nothing to do.
            self.configure_new(&key, &entry);
        }
        Ok(applied)
    }

    /// What is in force holds for a layer that is added.
    pub(super) fn configure_new(&self, key: &Key, entry: &Entry) {
        loop {
            let in_force = self.in_force();
            let problem = match in_force.plan(key, entry) {
                Ok(change) => make(change.as_slice()),
                Err(problem) => Some(problem),
            };
            if let Some(problem) = problem {
                let source = in_force.document.source.clone();
                let refused = Err(RegistryError::Refused(vec![problem]));
                self.tell_of_document(source, &refused);
            }
            // Another document may have come in between.
            if self.in_force().document == in_force.document {
                return;
            }
        }
    }

    pub(super) fn tell_of_document(
        &self,
        source: String,
        applied: &Result<Applied, RegistryError>,
    ) {
        self.shared.emitter.emit(match applied {
            Ok(applied) => EventKind::DocumentApplied {
                source,
                changed: applied.changed.len(),
                unknown: applied.unknown.clone(),
            },
            Err(error) => EventKind::DocumentRefused {
                source,
                problem: error.to_string(),
            },
        });
    }
}

impl InForce {
    /// What it changes of a layer, if anything.
    fn plan(&self, (layer, name): &Key, entry: &Entry) -> Result<Option<Change>, SteerError> {
        let subject = Subject {
            layer,
            name,
            alternatives: entry.handle.alternatives(),
        };
        let wanted = self.document.resolve(&subject, &entry.built)?;
        let wanted = self.overrides.resolve(&subject, &wanted)?;
        let checked = entry.handle.check(&wanted);
        let new = checked.map_err(|error| error.below(&format!("{layer}.{name}")))?;
        let old = entry.handle.config();
        Ok((old != new).then(|| Change {
            key: (layer, name.clone()),
            entry: entry.clone(),
            old,
            new,
        }))
    }
}

/// Gives a layer a configuration.
fn put_in(
    handle: &dyn Steer,
    layer: &str,
    name: &str,
    config: &Value,
) -> Result<Changed, RegistryError> {
    let refused = |error: SteerError| {
        let error = error.below(&format!("{layer}.{name}"));
        RegistryError::Refused(vec![error])
    };
    let (old, new) = (handle.config(), handle.check(config).map_err(refused)?);
    if old != new {
        handle.apply(&new).map_err(refused)?;
    }
    Ok(Changed {
        layer: layer.to_owned(),
        name: name.to_owned(),
        changes: changes(&old, &new),
    })
}

/// Makes all changes, or none; answers why.
fn make(changes: &[Change]) -> Option<SteerError> {
    for (nth, change) in changes.iter().enumerate() {
        // Checked before, so this is about what is fixed once a layer is built.
        if let Err(error) = change.entry.handle.apply(&change.new) {
            for made in changes[..nth].iter().rev() {
                let _ = made.entry.handle.apply(&made.old);
            }
            let (layer, name) = &change.key;
            return Some(error.below(&format!("{layer}.{name}")));
        }
    }
    None
}

impl Change {
    fn report(&self) -> Changed {
        Changed {
            layer: self.key.0.to_owned(),
            name: self.key.1.clone(),
            changes: changes(&self.old, &self.new),
        }
    }
}

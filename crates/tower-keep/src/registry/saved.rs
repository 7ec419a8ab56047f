use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Registry, RegistryError};
use crate::common::clock;

/// What the layers of a process know, to be kept over a restart.
///
/// A serde type: keep it as JSON in a file, for instance, and write the file elsewhere and rename it,
/// so that it is whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    version: u32,
    /// In milliseconds since 1970, by the clock on the wall: the other one starts with the machine.
    saved_at_ms: u64,
    layers: BTreeMap<String, BTreeMap<String, Value>>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Restored {
    /// The layers that know again what they knew, such as `circuit_breaker.payments`.
    pub restored: Vec<String>,
    /// The parts that were left out, and why.
    pub ignored: Vec<String>,
}

impl Saved {
    /// How long ago it was saved. No time at all if that is in the future: a clock was set back.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_millis(now_ms().saturating_sub(self.saved_at_ms))
    }
}

impl Registry {
    /// What the layers know that is worth knowing after a restart: breakers that are open, failures
    /// in their windows, what is left of budgets.
    #[must_use]
    pub fn save(&self) -> Saved {
        let mut layers = BTreeMap::<_, BTreeMap<_, _>>::new();
        for ((layer, name), entry) in self.entries() {
            if let Some(saved) = entry.handle.save() {
                layers
                    .entry(layer.to_owned())
                    .or_default()
                    .insert(name, saved);
            }
        }
        Saved {
            version: VERSION,
            saved_at_ms: now_ms(),
            layers,
        }
    }

    /// Takes over what another process saved, before the first call.
    ///
    /// All of it ages: a breaker stays open for what is left of its time and then asks the service, what
    /// a window held fades over the window's length, a budget goes back to what a new one holds. What
    /// is old enough has no effect at all. A breaker that a person had steered by hand is steered so
    /// again.
    ///
    /// Layers that are in use already, parts that nobody knows and parts that make no sense are left out
    /// and reported.
    ///
    /// # Errors
    /// If all of it is of another version.
    pub fn restore(&self, saved: &Saved) -> Result<Restored, RegistryError> {
        if saved.version != VERSION {
            return Err(RegistryError::Version {
                found: saved.version,
                known: VERSION,
            });
        }
        let age = saved.age();
        let mut report = Restored::default();
        let parts = saved
            .layers
            .iter()
            .flat_map(|(layer, names)| names.iter().map(move |(name, part)| (layer, name, part)));
        for (layer, name, part) in parts {
            let path = format!("{layer}.{name}");
            match self.get(layer, name) {
                None => report.ignored.push(format!("`{path}` is not there")),
                Some(handle) => match handle.restore(part, age) {
                    Ok(()) => report.restored.push(path),
                    Err(error) => report.ignored.push(error.below(&path).to_string()),
                },
            }
        }
        Ok(report)
    }
}

fn now_ms() -> u64 {
    let since = clock::wall().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// Of the whole; each layer's part is a serde type that may grow.
const VERSION: u32 = 1;

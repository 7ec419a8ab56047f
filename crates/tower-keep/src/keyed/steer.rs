//! Keyed layers, steered by name: the configuration of the layer, and below `keys` those of single
//! keys, which say only what is different.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Keyable, KeyedHandle};
use crate::config::{Steer, SteerError, changes, merge, read, write};

/// A configuration taken apart: that of all keys, and those of single ones in full.
type Parts = (Value, BTreeMap<String, Value>);

impl<L> KeyedHandle<L>
where
    L: Keyable,
    L::Handle: Steer,
{
    fn take_apart(&self, config: &Value) -> Result<Parts, SteerError> {
        let shared = self.shared();
        let mut all = config.clone();
        let keys = all.as_object_mut().and_then(|fields| fields.remove(KEYS));
        let all = shared.check(&all)?;
        let keys: Map<String, Value> = match &keys {
            Some(keys) => read(keys).map_err(|error| error.below(KEYS))?,
            None => Map::new(),
        };
        let single = |(key, over): (String, Value)| -> Result<_, SteerError> {
            let mut config = all.clone();
            merge(&mut config, &over, shared.alternatives());
            let config = shared.check(&config);
            let config = config.map_err(|error| error.below(&format!("{KEYS}.{key}")))?;
            Ok((key, config))
        };
        let keys = keys.into_iter().map(single).collect::<Result<_, _>>()?;
        Ok((all, keys))
    }
}

impl<L> Steer for KeyedHandle<L>
where
    L: Keyable + Send + Sync,
    L::Config: Send + Serialize + DeserializeOwned,
    L::Handle: Steer,
{
    fn layer(&self) -> &'static str {
        self.shared().layer()
    }

    fn name(&self) -> String {
        self.shared().name()
    }

    fn config(&self) -> Value {
        put_together((write(&self.config()), self.own_configs()))
    }

    fn check(&self, config: &Value) -> Result<Value, SteerError> {
        self.take_apart(config).map(put_together)
    }

    fn apply(&self, config: &Value) -> Result<(), SteerError> {
        let (all, keys) = self.take_apart(config)?;
        let all = read::<L::Config>(&all)?;
        let keys: BTreeMap<String, L::Config> = keys
            .into_iter()
            .map(|(key, config)| Ok((key, read(&config)?)))
            .collect::<Result<_, SteerError>>()?;
        // All of it before any of it: what is fixed once a layer is built is only known there.
        self.keys.template().check(&all)?;
        for (key, config) in &keys {
            let checked = self.keys.template().check(config).map_err(SteerError::from);
            checked.map_err(|error| error.below(&format!("{KEYS}.{key}")))?;
        }
        let gone = self.own_configs().into_keys();
        let gone: Vec<_> = gone.filter(|key| !keys.contains_key(key)).collect();
        if !changes(&self.config(), &all).is_empty() {
            self.update(all)?;
        }
        for key in gone {
            self.update_key(&key, None)?;
        }
        let own = self.own_configs();
        for (key, config) in keys {
            if own.get(&key) != Some(&write(&config)) {
                self.update_key(&key, Some(config))?;
            }
        }
        Ok(())
    }

    fn alternatives(&self) -> &'static [&'static str] {
        self.shared().alternatives()
    }

    fn actions(&self) -> &'static [&'static str] {
        self.shared().actions()
    }

    /// On the shared key first, which those that come are made from, then on all that are there.
    fn act(&self, action: &str) -> bool {
        let known = self.shared().act(action);
        for entry in self.keys.entries() {
            entry.layer.steering().act(action);
        }
        known
    }

    fn save(&self) -> Option<Value> {
        let shared = self.shared().save()?;
        let entries = self.keys.entries();
        let worth = entries.iter().filter(|entry| !entry.layer.is_idle());
        let keys = worth.filter_map(|entry| {
            let saved = entry.layer.steering().save()?;
            Some((entry.key.as_deref()?.to_owned(), saved))
        });
        let keys = Value::Object(keys.collect());
        Some(Value::Object(Map::from_iter([
            ("shared".to_owned(), shared),
            (KEYS.to_owned(), keys),
        ])))
    }

    /// As many keys as there is room for.
    fn restore(&self, saved: &Value, age: Duration) -> Result<(), SteerError> {
        let part = |name: &str| {
            let part = saved.get(name);
            part.ok_or_else(|| SteerError::new(name, "is missing"))
        };
        let (shared, keys) = (part("shared")?, part(KEYS)?);
        let keys = read::<Map<String, Value>>(keys).map_err(|error| error.below(KEYS))?;
        let mut first_error = None;
        // Before the shared key: a key is made like that, and what was steered by hand is no longer
        // fresh.
        for (key, saved) in keys {
            let Some(entry) = self.keys.ensure(&key) else {
                continue;
            };
            if let Err(error) = entry.layer.steering().restore(&saved, age) {
                let error = error.below(&format!("{KEYS}.{key}"));
                first_error.get_or_insert(error);
            }
        }
        self.shared()
            .restore(shared, age)
            .map_err(|error| error.below("shared"))?;
        first_error.map_or(Ok(()), Err)
    }
}

impl<L: Keyable> KeyedHandle<L> {
    fn own_configs(&self) -> BTreeMap<String, Value>
    where
        L::Config: Serialize,
    {
        let own = self.keys.overrides().into_iter();
        own.map(|(key, config)| (key, write(&config))).collect()
    }
}

fn put_together((mut all, keys): Parts) -> Value {
    if let (Value::Object(fields), false) = (&mut all, keys.is_empty()) {
        fields.insert(KEYS.to_owned(), write(&keys));
    }
    all
}

/// Where the configurations of single keys are, and their states in what is saved.
const KEYS: &str = "keys";

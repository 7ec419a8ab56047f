use std::{fmt, sync::Arc};

use serde::Serialize;

use super::{Keyable, keys::Keys};
use crate::{
    config::{ConfigError, changes},
    observe::{Condition, EventKind, Vitals, Watch},
};

/// Looks at all keys of a layer and steers them, from anywhere.
pub struct KeyedHandle<L: Keyable> {
    pub(super) keys: Arc<Keys<L>>,
}

/// A keyed layer at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyedSnapshot {
    /// How many keys have a state, the shared one aside.
    pub keys: usize,
    /// How many there is room for.
    pub max_keys: usize,
    /// How many calls went to the shared key since the start because there was no room.
    pub overflowed: u64,
    /// How many keys have gone since the start to make room.
    pub evicted: u64,
}

impl<L: Keyable> KeyedHandle<L> {
    pub(super) fn new(keys: Arc<Keys<L>>) -> Self {
        Self { keys }
    }

    /// The number of keys right now.
    #[must_use]
    pub fn snapshot(&self) -> KeyedSnapshot {
        KeyedSnapshot {
            keys: self.keys.len(),
            max_keys: self.keys.max_keys(),
            overflowed: self.keys.overflowed(),
            evicted: self.keys.evicted(),
        }
    }

    /// The keys that have a state, in no order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let entries = self.keys.entries();
        let keys = entries.iter().filter_map(|entry| entry.key.as_deref());
        keys.map(str::to_owned).collect()
    }

    /// The handle of one key, if it has a state.
    ///
    /// While a handle of it is there, the key stays. What the handle subscribes to are the events of
    /// all keys.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<L::Handle> {
        // At it as a call is, so that it does not go before its handle is there.
        Some(self.keys.visit(key)?.layer.steering())
    }

    /// The handle of the shared key. Its configuration is the one that new keys get; change it here
    /// with [`update`](Self::update).
    #[must_use]
    pub fn shared(&self) -> L::Handle {
        self.keys.template().steering()
    }

    /// The configuration of all keys that have none of their own.
    #[must_use]
    pub fn config(&self) -> L::Config {
        self.keys.template().configuration()
    }

    /// Changes the configuration of all keys, those to come and the shared one while calls run; their
    /// states stay. Keys with a configuration [of their own](Self::update_key) keep it.
    ///
    /// # Errors
    /// If the configuration cannot work; nothing is changed then.
    pub fn update(&self, config: L::Config) -> Result<(), ConfigError>
    where
        L::Config: Serialize,
    {
        let old = self.config();
        self.keys.configure(config.clone())?;
        let changes = changes(&old, &config);
        let template = self.keys.template();
        template.tell(EventKind::ConfigUpdated { changes });
        Ok(())
    }

    /// Gives one key a configuration of its own, also for when it comes again; `None` takes it away.
    ///
    /// # Errors
    /// If the configuration cannot work; nothing is changed then.
    pub fn update_key(&self, key: &str, config: Option<L::Config>) -> Result<(), ConfigError>
    where
        L::Config: Serialize,
    {
        let own = self.keys.overrides().remove(key);
        let old = own.unwrap_or_else(|| self.config());
        self.keys.configure_key(key, config.clone())?;
        let changes = changes(&old, &config.unwrap_or_else(|| self.config()));
        let template = self.keys.template();
        template.tell(EventKind::ConfigUpdated {
            changes: format!("[{key}] {changes}"),
        });
        Ok(())
    }
}

impl<L> Watch for KeyedHandle<L>
where
    L: Keyable + Send + Sync,
    L::Config: Send,
    L::Handle: Watch,
{
    /// Strained while any key is not normal: the others are.
    fn vitals(&self) -> Vitals {
        let mut vitals = self.shared().vitals();
        let mut worst = (vitals.condition, "the shared key".to_owned());
        let mut troubled = usize::from(vitals.condition > Condition::Normal);
        for entry in self.keys.entries() {
            let condition = entry.layer.steering().vitals().condition;
            if condition > Condition::Normal {
                troubled += 1;
            }
            if condition > worst.0 {
                worst = (
                    condition,
                    entry.key.as_deref().unwrap_or_default().to_owned(),
                );
            }
        }
        vitals.condition = worst.0.min(Condition::Strained);
        let now = self.snapshot();
        vitals.summary = format!("{} keys, {} calls overflowed", now.keys, now.overflowed);
        if troubled > 0 {
            vitals.summary += &format!(", {troubled} in trouble, such as {}", worst.1);
        }
        vitals
    }
}

impl<L: Keyable> Clone for KeyedHandle<L> {
    fn clone(&self) -> Self {
        Self {
            keys: self.keys.clone(),
        }
    }
}

impl<L: Keyable> fmt::Debug for KeyedHandle<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedHandle")
            .field("now", &self.snapshot())
            .finish_non_exhaustive()
    }
}

use std::fmt;

use crate::{Db, Event, event::InvalidEvent};

/// Makes an event of today of an event of any time.
pub(super) type Upcast = fn(Event) -> Result<Event, InvalidEvent>;

/// The log of a database. Clones are the same.
#[derive(Clone)]
pub struct EventStore {
    pub(super) db: Db,
    pub(super) upcast: Upcast,
}

impl EventStore {
    /// The log in this database, which must have been opened with [`SCHEMA`](super::SCHEMA).
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self {
            db: db.clone(),
            upcast: Ok,
        }
    }

    /// Reads every event through this function, which makes of old versions what today's code
    /// understands, and returns all others as they are. The log itself is never changed.
    ///
    /// ```
    /// use serde_json::{Value, json};
    /// use tower_keep_durable::{Event, event::InvalidEvent};
    ///
    /// fn upcast(event: Event) -> Result<Event, InvalidEvent> {
    ///     match event.kind() {
    ///         // Amounts had no currency once; all were in euros.
    ///         "shop.paid.v1" => {
    ///             let mut data: Value = event.read()?;
    ///             data["currency"] = json!("EUR");
    ///             Ok(event.retold("shop.paid.v2", data))
    ///         }
    ///         _ => Ok(event),
    ///     }
    /// }
    /// # let old = Event::new("/shop", "shop.paid.v1", json!({"amount": 5}));
    /// # let new = upcast(old).unwrap();
    /// # assert_eq!(new.kind(), "shop.paid.v2");
    /// # assert_eq!(new.read::<Value>().unwrap(), json!({"amount": 5, "currency": "EUR"}));
    /// ```
    #[must_use]
    pub fn upcasting(mut self, upcast: fn(Event) -> Result<Event, InvalidEvent>) -> Self {
        self.upcast = upcast;
        self
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }
}

impl fmt::Debug for EventStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStore").finish_non_exhaustive()
    }
}

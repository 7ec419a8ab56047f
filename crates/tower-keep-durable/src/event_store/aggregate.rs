use serde::{Serialize, de::DeserializeOwned};

use crate::{Event, event::InvalidEvent};

/// A state that follows from the events of its stream.
pub trait Aggregate: Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The version of this type's shape and of [`apply`](Self::apply): raise it when one of them
    /// changes, and snapshots of before are left alone. Aggregates of several types in one database
    /// have streams of different names, so their shapes need not differ.
    const SHAPE: i64;

    /// Takes over what has happened. It decides nothing: what is in the log has happened.
    ///
    /// # Errors
    /// The event is of a type or shape that this code does not know; the stream cannot be loaded by
    /// it.
    fn apply(&mut self, event: &Event) -> Result<(), InvalidEvent>;
}

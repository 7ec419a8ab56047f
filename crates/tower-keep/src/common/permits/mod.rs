//! Places that calls take and give back, and the queue for them.

mod counts;
#[cfg(feature = "bulkhead")]
mod lasting;
#[cfg(all(test, keep_loom))]
mod models;
mod queue;
mod room;
mod slot;
mod stock;
mod stocks;
#[cfg(test)]
mod tests;
mod wait;

#[cfg(feature = "bulkhead")]
pub(crate) use self::lasting::{Owned, Place};
pub(crate) use self::{
    counts::Counts,
    queue::Queue,
    room::Room,
    slot::Slot,
    wait::{Owner, Wait, Waiter},
};

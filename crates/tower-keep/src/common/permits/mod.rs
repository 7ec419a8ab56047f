//! Places that calls take and give back, and the queue for them.

mod counts;
mod places;
mod slot;
#[cfg(test)]
mod tests;
mod wait;

pub(crate) use self::{
    counts::Counts,
    places::{Late, Places, Queue},
    slot::Slot,
    wait::{Owner, Wait, Waiter},
};

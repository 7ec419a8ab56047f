//! The database of the order service: the events of each order, the order as they tell it for those
//! who look, the sagas that move it on, and what others are still to be told.

mod accept;
mod cancel;
mod change;
mod expire;
mod handle;
mod hear;
mod look;
mod schema;
mod silent;
mod wait;

pub(crate) use self::{
    accept::Accepted, change::ChangeError, handle::Store, hear::Hear, schema::SCHEMA,
};

#[cfg(test)]
mod tests;

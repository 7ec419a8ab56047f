//! The HTTP side of the durable companion's keys, after the IETF draft `Idempotency-Key`: the same
//! request with the same key has its effect once and gets the same answer, success or refusal.
//!
//! A service whose effect is one transaction calls [`Keys::begin`] and [`Keys::finish`] in it. A
//! service whose work goes on after the commit (an order calls its peers) takes a lease with
//! [`Keys::begin_lasting`] and finishes in a later transaction.

mod answer;
mod error;
mod forget;
mod key;

pub use tower_keep_durable::idempotency::{Begun, KeyError, Keyed, Keys, SCHEMA, Ticket};

pub use self::{answer::Answer, forget::forget_old, key::IdempotencyKey};

#[cfg(test)]
mod tests;

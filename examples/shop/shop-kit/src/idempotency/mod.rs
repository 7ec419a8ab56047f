//! Idempotency by key, after the IETF draft `Idempotency-Key`: the same request with the same key
//! has its effect once and gets the same answer, success or refusal.
//!
//! The key is written in the transaction that writes the effect, so neither exists without the
//! other. A service whose effect is one transaction calls [`begin`] and [`finish`] in it. A service
//! whose work goes on after the commit (an order calls its peers) finishes in a later transaction;
//! until then the key answers 409, and once the lease has passed without an answer (the process
//! died) whoever repeats the request takes the work over.

mod answer;
mod key;
mod record;

pub use answer::Answer;
pub use key::{IdempotencyKey, Keyed};
pub use record::{Begun, KEPT, SCHEMA, begin, finish, forget_old};

#[cfg(test)]
mod tests;

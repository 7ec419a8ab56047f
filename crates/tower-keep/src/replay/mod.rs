//! How a request is sent more than once.
//!
//! What a layer keeps of a request that it may send again ([`Replay`]), bodies included
//! ([`ReplayBody`]), how much of them the process keeps ([`set_replay_memory_limit`]), which requests
//! may be sent twice ([`Retryable`]), and what tells one sending from another ([`Attempt`]).

mod bell;
mod body;
mod kept;
mod kinds;
mod memory;
#[cfg(all(test, keep_loom))]
mod models;
mod request;
mod skip;
mod tape;
#[cfg(test)]
mod tests;

pub(crate) use self::request::is_idempotent;
pub use self::{
    body::{ReplayBody, ReplayError},
    kinds::{BodyKind, Cloned, MapBody, Replay, Replayed, SameBody, SavedRequest, Streamed},
    memory::{ReplayMemory, replay_memory, set_replay_memory_limit},
    request::{Attempt, Retryable},
    skip::Skip,
};

//! What every service of the demo shop shares, one idea in each module.
//!
//! A service is four small files on top of this: `config` (its options), `http` (translates),
//! `domain` (decides, without I/O) and `store` (its own database).

pub mod bus;
pub mod cli;
pub mod client;
pub mod consume;
pub mod db;
pub mod drills;
pub mod events;
pub mod extract;
pub mod flow;
pub mod host;
pub mod idempotency;
pub mod ids;
pub mod money;
pub mod notices;
mod numbers;
pub mod page;
pub mod problem;
pub mod server;
pub mod stack;
#[cfg(feature = "testing")]
pub mod testing;
pub mod webhook;
pub mod workers;

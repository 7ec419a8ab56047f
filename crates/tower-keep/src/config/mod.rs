//! What every layer's configuration has in common: how it says that it cannot work, how much of it is
//! enforced, what an update changes, and how it is steered by name.

mod changes;
mod check;
mod enforce;
mod error;
mod merge;
mod steer;

pub(crate) use self::{
    changes::changes,
    check::Check,
    merge::merge,
    steer::{read, steerable, write},
};
pub use self::{
    enforce::Enforce,
    error::ConfigError,
    steer::{Steer, SteerError},
};

/// The default of `enabled`, where a configuration has no default of its own.
pub(crate) const fn on() -> bool {
    true
}

//! Which endpoints are taken out, for how long, and when they come back.

mod config;
mod reason;
mod state;
#[cfg(test)]
mod tests;

pub use self::config::OutlierConfig;
pub(super) use self::{
    reason::Reason,
    state::{Change, Fleet, Moment, Out, Tally},
};

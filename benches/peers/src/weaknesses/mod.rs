//! W1 to W42, by layer.

use crate::Case;

mod absent;
mod breaker;
mod breaker_probes;
mod breaker_signals;
mod fleet;
mod hedges;
mod limits;
mod retries;
mod state;
mod tasks;
mod types;

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    [
        absent::cases(),
        breaker::cases(),
        breaker_probes::cases(),
        breaker_signals::cases(),
        fleet::cases(),
        hedges::cases(),
        limits::cases(),
        retries::cases(),
        state::cases(),
        tasks::cases(),
        types::cases(),
    ]
    .concat()
}

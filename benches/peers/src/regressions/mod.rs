//! E1 to E14: measured over axum, tower and hyper.

use crate::Case;

mod bodies;
mod places;
mod sockets;
mod state;

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    [
        bodies::cases(),
        places::cases(),
        sockets::cases(),
        state::cases(),
    ]
    .concat()
}

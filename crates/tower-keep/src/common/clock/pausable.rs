//! Whether tokio's clock can be paused, which is so if anybody in the build turns its `test-util` on.
//!
//! No crate can see another's features, but it can see what they add. `test-util` adds a method to
//! the builder of a runtime; the trait below has one of that name too, and a method of the type goes
//! before one of a trait. So which of the two is called, and with it the type of the answer, tells.

use tokio::runtime::Builder;

/// Whether `tokio::time::pause` exists in this build. If not, time cannot be stopped, and whoever
/// wants to know it need not ask tokio.
pub(super) const PAUSABLE: bool = answers(&|builder| builder.start_paused(false));

/// The closure is only looked at, never called.
const fn answers<A: Answer>(_: &impl Fn(&'static mut Builder) -> A) -> bool {
    A::OF_TOKIO
}

trait Answer {
    const OF_TOKIO: bool;
}

impl Answer for &'static mut Builder {
    const OF_TOKIO: bool = true;
}

struct Ours;

impl Answer for Ours {
    const OF_TOKIO: bool = false;
}

#[allow(
    dead_code,
    reason = "shadowed by the method of tokio where that exists"
)]
trait StartPaused: Sized {
    fn start_paused(self, _: bool) -> Ours {
        Ours
    }
}

impl StartPaused for &'static mut Builder {}

#[cfg(test)]
mod tests {
    /// This crate's tests pause it; `benches/cost` is built without.
    #[test]
    fn tests_can_pause_the_clock() {
        const { assert!(super::PAUSABLE) };
    }
}

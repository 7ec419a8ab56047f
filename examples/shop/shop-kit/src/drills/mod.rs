//! Where drills kill a service, and which mistakes they let it make.
//!
//! Built without the feature `drills`, as every program is that is not under test, no place kills and no
//! mistake is made: the calls are empty. With it a process obeys two variables:
//!
//! | variable | what |
//! |---|---|
//! | `SHOP_CRASH_AT=n` | the process is killed (SIGKILL) at the n-th [place](crash_point) it comes by |
//! | `SHOP_MISTAKE=name` | it makes this [mistake](mistakes); the drills must find it |

#[cfg(feature = "drills")]
mod armed;
pub(crate) mod bus;

/// A place at which the process may be killed: around every commit, call and publication of the shop's
/// own code. The engine's own commits have such places too, see `tower_keep_durable::testing`.
#[inline]
pub fn crash_point(name: &str) {
    #[cfg(feature = "drills")]
    armed::crash_point(name);
    #[cfg(not(feature = "drills"))]
    let _ = name;
}

/// Whether this mistake is to be made, one of [`mistakes`].
#[inline]
#[must_use]
pub fn makes(mistake: &str) -> bool {
    #[cfg(feature = "drills")]
    return armed::makes(mistake);
    #[cfg(not(feature = "drills"))]
    {
        let _ = mistake;
        false
    }
}

/// Known mistakes, which others made before us.
pub mod mistakes {
    /// Every try of a step has a key of its own, so a repeat is not known again.
    pub const ATTEMPT_IN_KEY: &str = "attempt-in-key";
    /// An undo that comes first is not remembered, so the late request is executed.
    pub const NO_TOMBSTONE: &str = "no-tombstone";
    /// A refusal is not kept under its key, so a late duplicate may succeed.
    pub const REFUSAL_FORGOTTEN: &str = "refusal-forgotten";
}

//! Where drills kill a service, and which mistakes they let it make.
//!
//! Built without the feature `drills`, as every program is that is not under test, no place kills and no
//! mistake is made: the calls are empty. With it a process obeys two variables:
//!
//! | variable | what |
//! |---|---|
//! | `KEEP_CRASH_AT=n` | the process is killed (SIGKILL) at the n-th place it comes by |
//! | `SHOP_LEASE_MS=n` | others wait so long for whoever was killed, and not as long as usually |
//! | `SHOP_MISTAKE=name` | it makes this [mistake](mistakes); the drills must find it |
//!
//! A place is before and after each commit, which the durable companion knows, see
//! `tower_keep_durable::testing::crash_point`; before and after each call of a peer; and where a broker is
//! the bus, before and after each publication and acknowledgement. On a bus of tables these are commits.

use std::time::Duration;

#[cfg(feature = "drills")]
mod armed;
pub(crate) mod bus;

/// A place at which the process may be killed: around what a service does to others, and what it commits
/// without the durable companion.
#[inline]
pub fn crash_point(name: &str) {
    #[cfg(feature = "drills")]
    tower_keep_durable::testing::crash_point(name);
    #[cfg(not(feature = "drills"))]
    let _ = name;
}

/// How long others wait for a process that says nothing: this long, unless a drill has not the time.
#[inline]
pub(crate) fn lease(usual: Duration) -> Duration {
    #[cfg(feature = "drills")]
    return armed::lease().unwrap_or(usual);
    #[cfg(not(feature = "drills"))]
    usual
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

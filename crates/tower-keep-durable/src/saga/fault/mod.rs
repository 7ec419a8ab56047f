//! Where tests make things go wrong. Without the feature `testing` there is nothing here.

#[cfg(feature = "testing")]
mod injected;
#[cfg(not(feature = "testing"))]
mod none;

#[cfg(feature = "testing")]
pub(super) use self::injected::Faults as Hooks;
#[cfg(feature = "testing")]
pub use self::injected::{Fault, Faults, Happened, Script};
#[cfg(not(feature = "testing"))]
pub(super) use self::none::Hooks;

/// A place at which a process can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "testing"),
    allow(dead_code, unreachable_pub, reason = "only tests come to all of them")
)]
pub enum Point {
    /// A saga was taken, and nothing of it was tried.
    Claimed,
    /// A step was made, and its outcome is not written yet.
    Made,
    /// The outcome is written and not committed.
    BeforeCommit,
    /// It is committed, and nothing was done since.
    AfterCommit,
}

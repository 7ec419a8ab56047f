//! Why a limit moves, in the words of events and snapshots.

/// Calls were dropped for want of capacity.
pub(super) const DROPS: &str = "calls dropped";
/// The latency is above its baseline.
pub(super) const SLOW: &str = "latency above its baseline";
/// Throughput no longer grows with the calls in flight, only latency does.
pub(super) const SATURATED: &str = "more calls bring no more answers";
/// The limit is what limits, and the service has room.
pub(super) const ROOM: &str = "all places taken and answers in time";
/// Neither too many nor too few.
pub(super) const STEADY: &str = "steady";
/// It could grow, but nothing needs it to.
pub(super) const UNUSED: &str = "limit not reached";
/// No window has ended yet.
pub(super) const START: &str = "start";
/// The bounds were changed by hand.
pub(super) const UPDATE: &str = "configuration updated";
/// The algorithm panicked, or gave something that is no number.
pub(super) const BROKEN: &str = "the algorithm failed";

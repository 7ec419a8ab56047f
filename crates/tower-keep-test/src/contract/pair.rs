//! Two layers, one around the other.

use super::{
    AnyLayer, Http, body_drop, body_passthrough, cancellation, not_clone_request, panics,
    readiness, wakeups,
};

/// Runs the checks over one layer around another.
///
/// Each layer may keep the contract alone and the two of them not: the outer one may hold what the
/// inner one waits for, poll it as nobody else does, or drop it where nobody else would. The closures
/// make layers as for [`http`](super::http()). What is checked by the compiler is left out: a pair
/// has no bounds but those of its parts.
///
/// # Panics
/// If a promise is broken, saying which.
pub async fn pair(outer: impl Fn() -> AnyLayer, inner: impl Fn() -> AnyLayer) {
    let both = || outer().around(inner());
    let layer = both();
    readiness(Http, &layer, || layer.check_rest()).await;
    let layer = both();
    cancellation(Http, &layer, || layer.check_rest()).await;
    let layer = both();
    panics(Http, &layer, || layer.check_rest()).await;
    wakeups(Http, &both()).await;
    let layer = both();
    body_drop(&layer, || layer.check_rest()).await;
    body_passthrough(&both()).await;
    not_clone_request(&both()).await;
}

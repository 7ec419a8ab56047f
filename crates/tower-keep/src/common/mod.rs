//! Private plumbing that the layers share.

pub(crate) mod answer;
pub(crate) mod atomic;
pub(crate) mod cancel;
#[cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        unused_imports,
        reason = "no layer alone reads it in every way"
    )
)]
pub(crate) mod clock;
#[cfg(any(feature = "cache", feature = "coalesce"))]
pub(crate) mod directives;
pub(crate) mod headers;
pub(crate) mod local;
pub(crate) mod macros;
pub(crate) mod map;
#[cfg(all(test, keep_loom))]
pub(crate) mod modelling;
#[cfg(all(test, keep_loom))]
mod models;
pub(crate) mod name;
pub(crate) mod notify;
#[cfg(any(feature = "adaptive", feature = "bulkhead"))]
pub(crate) mod permits;
pub(crate) mod rare;
#[cfg(any(feature = "hedge", feature = "retry"))]
pub(crate) mod spare;
pub(crate) mod statics;
pub(crate) mod stripe;
#[cfg(feature = "balance")]
pub(crate) mod swap;
pub(crate) mod sync;
#[cfg(any(
    feature = "cache",
    feature = "coalesce",
    feature = "fallback",
    feature = "idempotency"
))]
pub(crate) mod target;
pub(crate) mod timer;
pub(crate) mod tried;
pub(crate) mod unique;
pub(crate) mod until;
#[cfg(any(feature = "circuit-breaker", feature = "throttle"))]
pub(crate) mod window;

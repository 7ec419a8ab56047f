//! Private plumbing that the layers share.

#[cfg(feature = "circuit-breaker")]
pub(crate) mod atomic;
pub(crate) mod cancel;
pub(crate) mod clock;
pub(crate) mod macros;
pub(crate) mod name;
pub(crate) mod sync;
pub(crate) mod until;
#[cfg(feature = "circuit-breaker")]
pub(crate) mod window;

//! Private plumbing that the layers share.

pub(crate) mod cancel;
pub(crate) mod clock;
pub(crate) mod macros;
pub(crate) mod name;
pub(crate) mod until;

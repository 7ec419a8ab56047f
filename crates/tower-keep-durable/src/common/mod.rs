//! What several rooms share.

pub(crate) mod lease;
pub(crate) mod paced;
pub(crate) mod places;
pub(crate) mod worker;

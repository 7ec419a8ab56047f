//! Bodies whose every frame the test decides.
//!
//! [`ScriptedBody`] is told frame by frame while it is read and knows when it was dropped;
//! [`Frames`] is a list that is given whole. Both carry `Bytes`, fail with [`BoxError`] and let the
//! test set their size hint and end-of-stream flag, right or wrong.
//!
//! [`BoxError`]: tower::BoxError

mod frames;
mod scripted;

pub use self::{
    frames::Frames,
    scripted::{BodyHandle, ScriptedBody},
};

//! What the benches of this package have in common: services that do nothing, and the calls made to
//! them through layers.

#![expect(
    clippy::disallowed_methods,
    reason = "what is measured is real time, on threads of the benches' own"
)]

mod baseline;
pub mod callgrind;
mod case;
pub mod contention;
mod drive;
mod echo;
pub mod ours;
pub mod peers;

pub mod report;
mod scripted;
mod test_util;
pub mod timing;
pub mod verify;
mod verify_all;
mod versus;
pub mod web;

pub use self::{
    baseline::Baseline,
    case::{Case, Cases, Expect},
    drive::{Answer, Outcome, drive, get, runtime},
    echo::{Broken, Echo, Empty, Failure, Forever, Fresh, Typed},
    scripted::{FAIL, Fault, HANG, ONCE, Scripted, ScriptedAxum, ScriptedFuture, reached},
    test_util::without_test_util,
    verify_all::verify,
    versus::versus,
};

/// Of what all services here fail.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

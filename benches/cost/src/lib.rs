//! What the benches of this package have in common: services that do nothing, and the calls made to
//! them through layers.

mod baseline;
pub mod callgrind;
mod case;
mod drive;
mod echo;
pub mod ours;

pub use self::{
    baseline::Baseline,
    case::{Case, Cases, Expect},
    drive::{Answer, Outcome, drive, get, runtime},
    echo::{Broken, Echo, Empty, Forever, Fresh},
};

/// Of what all services here fail.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

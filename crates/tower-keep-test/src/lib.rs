//! Probes, scripted services and the contract that every tower layer must pass.
//!
//! - [`contract`]: the checks; [`contract::http`] and [`contract::plain`] run all of them;
//! - [`ReadyProbe`]: a service that notices being called unready;
//! - [`script`]: a service that the test answers step by step;
//! - [`body`]: bodies whose every frame the test decides;
//! - [`Driven`]: a hand-driven executor that finds lost wake-ups and spinning;

pub mod axum_matrix;
pub mod body;
mod common;
pub mod contract;
mod poll;
mod ready_probe;
pub mod script;

pub use self::{
    poll::Driven,
    ready_probe::{ReadyProbe, ReadyRecord},
};

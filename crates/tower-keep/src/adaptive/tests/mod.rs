//! The pure parts: on a simulated server, as tables, and against a simpler model.

mod converge;
mod model;
mod races;
mod rules;
mod simulation;

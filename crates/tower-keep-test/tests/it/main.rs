//! The kit, tried on a layer that works and on layers that do not.

mod body;
mod contract;
mod contract_body;
mod matrix;
mod poll;
mod script;
mod specimen;

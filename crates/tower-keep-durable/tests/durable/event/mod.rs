//! Events as CloudEvents 1.0.2 wants them.

mod context;
mod examples;
mod refused;
mod round_trip;

//! Who stands under overload and failure: `cargo bench --bench outcomes`.

pub mod contenders;
pub mod noticing;
pub mod pages;
pub mod plot;
pub mod scenarios;
pub mod table;

//! What is known to go wrong in crates like ours, each as a situation that is driven through the
//! crate where it was found and through tower-keep.
//!
//! `W1` to `W42` are weaknesses of tower-resilience; `E1` to `E14` were measured over axum, tower and
//! hyper. What a peer does is measured each time, never written down: one that holds is shown to hold.
//! Ours has to.
//!
//! `cargo test -p peers` runs all of them; `cargo run -p peers` prints the table, and with `BLESS=1`
//! writes it to `README.md`.

mod case;
mod facts;
mod regressions;
mod support;
mod table;
mod versions;
mod weaknesses;

pub use self::{
    case::{Case, Ours, Outcome, Peer},
    table::{readme, rows},
};

/// All of them, in the order of their ids.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = regressions::cases();
    cases.extend(weaknesses::cases());
    cases.sort_by_key(Case::order);
    cases
}

//! One test for each capability that any comparable library has, named by its row in our study of
//! them: CB1 ... ER6. The doc comment of a test is its row on the page `crates/tower-keep/docs/parity.md`:
//!
//! ```text
//! /// CB1: what the row asks for.
//! /// Our answer, in a sentence or two.
//! #[tokio::test(start_paused = true)]
//! async fn cb1() { .. }
//! ```
//!
//! `BLESS=1 cargo test --test it parity` writes the page anew.

mod adaptive;
mod balance;
mod balance_stack;
mod bulkhead;
mod cache;
mod chaos;
mod circuit_breaker;
mod circuit_breaker_calls;
mod coalesce;
mod correlation_id;
mod ergonomics;
mod fallback;
mod health;
mod hedge;
mod keyed;
mod observe;
mod page;
mod rate_limit;
mod registry;
mod retry;
mod retry_requests;
mod shedding;
mod testing;
mod timeout;

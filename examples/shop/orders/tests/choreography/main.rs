//! Orders by choreography from outside: all services in this process, on a bus that repeats, reorders,
//! loses and fails.

#![expect(clippy::unwrap_used, reason = "a test ends where its shop breaks")]

mod books;
mod cancel;
mod contract;
mod late;
mod restart;
mod silence;
mod stage;

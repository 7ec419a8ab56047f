//! What must hold whatever strangers send: one function for each kind of foreign input, which panics
//! if it does not.
//!
//! `cargo fuzz run TARGET` looks for bytes that break one; `cargo test -p fuzz` tries those in `seeds/`.

mod body;
mod cache;
mod chaos;
mod correlation_id;
mod deadline;
mod document;
mod event;
mod idempotency_key;
mod input;
mod priority;
mod retry_after;
mod stacks;
mod trace_parent;
mod try_again;

pub use self::{
    body::body, cache::cache, chaos::chaos, correlation_id::correlation_id, deadline::deadline,
    document::document, event::event, idempotency_key::idempotency_key, priority::priority,
    retry_after::retry_after, stacks::stacks, trace_parent::trace_parent, try_again::try_again,
};

/// Takes any bytes, and panics if something does not hold that must.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its function, its file and its folder of seeds.
pub const TARGETS: [(&str, Target); 13] = [
    ("body", body),
    ("cache", cache),
    ("chaos", chaos),
    ("correlation_id", correlation_id),
    ("deadline", deadline),
    ("document", document),
    ("event", event),
    ("idempotency_key", idempotency_key),
    ("priority", priority),
    ("retry_after", retry_after),
    ("stacks", stacks),
    ("trace_parent", trace_parent),
    ("try_again", try_again),
];

/// The program of a target: cargo-fuzz's, or one that says how to run it.
#[macro_export]
macro_rules! target {
    ($target:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::$target(bytes));

        #[cfg(not(fuzzing))]
        fn main() {
            println!("cargo fuzz run --sanitizer none {}", stringify!($target));
        }
    };
}

//! Keeps the events that a consumer could not handle, until somebody decides.
//!
//! An event becomes a *dead letter* at once if it can never be handled, and after bounded tries if it
//! only fails again and again. The partition of the bus goes on; later events of the same key do not:
//! they are *parked* behind it, in order, in the same table. Once the dead letter is
//! [replayed](DeadLetters::replay) with success or [discarded](DeadLetters::discard), they follow by
//! themselves, through the same handler and inbox. Keys without a dead letter notice nothing.
//!
//! ```
//! use tower_keep_durable::{Db, DeadLetters, dead_letters::{LetterFilter, LetterState}};
//!
//! # async fn operate(db: Db) -> Result<(), Box<dyn std::error::Error>> {
//! let letters = DeadLetters::new(db);
//! let dead = LetterFilter { state: Some(LetterState::Dead), ..LetterFilter::default() };
//! for letter in letters.list(&dead).await? {
//!     println!("{}: {} for {}", letter.id, letter.reason, letter.event);
//!     letters.replay(letter.id).await?; // the consumer that runs takes it from here
//! }
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! A letter waits behind an earlier one exactly as long as that is open, and that is asked of the table
//! each time; nobody hands over. So an event that arrives while the one before it is just being
//! released is either parked, and then found, or handled, and then the one before it is done. Who
//! replays is one process at a time; what an outdated one says changes nothing that is decided.
//!
//! # When not
//!
//! As a queue for later: what only needs time is a transient failure.

mod error;
mod filter;
mod letter;
mod operate;
mod schema;
mod store;
mod work;

pub use self::{
    error::LetterError,
    filter::LetterFilter,
    letter::{Depth, Letter, LetterState},
    operate::DeadLetters,
    schema::SCHEMA,
};
pub(crate) use self::{
    store::{Death, Parked, bury, park, waits},
    work::{Due, begin, due, fail, next_in_lane, purge, put_off, succeed},
};

//! Where the endpoints come from.
//!
//! | | finds | looks again |
//! |---|---|---|
//! | [`StaticList`] | what it was given | never |
//! | [`FileWatch`] | the lines of a file | every 5 s |
//! | [`Dns`] | the addresses of a host | every 30 s |
//! | [`Polled`] | what a closure of yours answers | as told |
//!
//! All are streams of [`Change`](super::Change), so they fit wherever [`tower::discover`] does. Those
//! that look again do so in a task, which ends with the stream; they do it at once, then after the
//! interval, a tenth more or less by chance, so that a fleet does not ask in step. If they cannot, or
//! find nothing at all, they keep what they have, say so once, and look again sooner.

mod diff;
mod dns;
mod file;
mod list;
mod polled;
#[cfg(test)]
mod tests;

pub use self::{
    dns::Dns,
    file::FileWatch,
    list::StaticList,
    polled::{DiscoveryError, Polled},
};

//! The books: no money and no stock was lost or doubled. Reads only what the services publish, wherever
//! they are, also while customers order.
//!
//! The services have a database each and no snapshot in common, so a check reads everything twice, in an
//! order in which whatever it finds is real:
//!
//! ```text
//! orders ─► payments, authorizations, reservations, shipments ─► cards, ledger, products ─► the same four ─► orders
//! ```
//!
//! - What one answer says must add up in itself ([`within`]): at any instant.
//! - Of an order that had ended before its parts were read, everything is known; of one that ended
//!   later only what can never have been is a mistake ([`across`]).
//! - A payment, an authorization or a reservation never comes back to a state it was in. Where the list is
//!   the same before and after, nothing happened in between, and sums over it must agree ([`sums`]).
//!
//! What notifications and views make of the events is compared with the orders ([`read_side`]) where it is asked
//! for and nothing is under way.
//!
//! What is under way is said to be: it is neither right nor wrong yet.

mod across;
mod books;
mod command;
mod purse;
mod read_side;
mod reading;
mod rows;
mod sums;
mod tell;
mod within;

pub(crate) use self::{
    books::{Books, check, during},
    command::CheckOptions,
    purse::Purse,
    read_side::ReadSide,
    reading::Services,
};

#[cfg(test)]
mod tests;

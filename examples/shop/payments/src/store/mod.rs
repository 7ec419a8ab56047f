//! The database of the payment service. Every effect is one transaction with its key (or
//! the note of the event that called for it), its entries in the ledger and its event.

mod accept;
mod books;
mod due;
mod handle;
mod learn;
mod react;
mod row;
mod schema;
mod want;
mod webhook;
mod wish;

pub(crate) use self::{
    accept::Accepted,
    books::Ledger,
    handle::Store,
    react::{KINDS, React},
    schema::SCHEMA,
    want::Wanted,
};

#[cfg(test)]
mod tests;

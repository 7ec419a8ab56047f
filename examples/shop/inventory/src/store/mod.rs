//! The database of the inventory service. Every effect is one transaction with its key, or with the
//! note of the event that called for it.

mod handle;
mod leave;
mod list;
mod products;
mod react;
mod reserve;
mod row;
mod schema;

pub(crate) use self::{
    handle::Store,
    list::Listed,
    products::ProductView,
    react::{KINDS, React},
    schema::SCHEMA,
};

#[cfg(test)]
mod tests;

//! What an order is and how it may change. No I/O.

mod decide;
mod hear;
mod new_order;
mod order;
mod parts;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    decide::NotNow,
    new_order::NewOrder,
    order::{Order, Refusal, Story},
    parts::{KINDS, Parts},
    status::Status,
};

//! What moves an order on: two sagas, each a plan and what its steps do.

mod cancel_order;
mod cause;
mod place_order;

pub(crate) use self::{
    cancel_order::{CancelOrder, Cancelling},
    place_order::{PlaceOrder, Placing},
};

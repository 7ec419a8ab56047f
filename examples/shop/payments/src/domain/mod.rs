//! What a payment is, how it may change, and what is booked. No I/O.

pub(crate) mod ledger;
mod payment;
mod refusal;
mod status;

pub(crate) use self::{
    payment::{Authorize, Decline, Payment, Report, Terms},
    refusal::Refusal,
    status::{Move, Network, Status, Verb},
};

//! Calls to another service, with the one distinction that an order flow needs: was it done, was
//! it surely not done, or is that unknown?

mod call_error;
mod doubt;
mod service_client;
#[cfg(test)]
mod tests;

pub(crate) use self::doubt::note as note_doubt;
pub use self::{
    call_error::CallError,
    service_client::{Read, ServiceClient},
};

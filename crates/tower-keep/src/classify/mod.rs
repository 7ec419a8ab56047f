//! What counts as a success, a failure or an overload, for every layer that asks.
//!
//! | answer | class | retry |
//! |---|---|---|
//! | a status below 500 | success | 408, 425 and 429 if the request is idempotent |
//! | 429, 529; 503 with `Retry-After` | overload | if idempotent |
//! | 500, 502, 503, 504 and other 5xx | failure | 500, 502, 503, 504 if idempotent |
//! | 501, 505 | success: the service works, it just cannot do this | never |
//! | a connection that could not be made, a stream the server did not process | failure | always |
//! | another transport error | failure | if idempotent |
//! | gRPC `UNKNOWN`, `DEADLINE_EXCEEDED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS` | failure | `UNAVAILABLE` |
//! | gRPC `RESOURCE_EXHAUSTED` | overload | if the server says when |
//! | any other gRPC code | success | never |
//! | gRPC over HTTP 429 or 503 without a code, as from a proxy | overload, or failure without `Retry-After` | always |
//! | the same over 502 or 504 | failure | if idempotent: it may have been passed on |
//! | a body that breaks off | failure | never: the caller has seen the head |
//! | a body that the caller drops | what its head said; gRPC without its trailers: ignored | |
//! | a [rejection](crate::rejection) that was never executed | ignored | never |
//! | a client that stopped sending; a deadline that [the caller set](crate::rejection::Rejection::is_callers_deadline) | ignored | never |
//! | any other deadline that passed while the call ran | failure | if idempotent |
//!
//! `x-should-retry: false` turns any of these into never, and `true` a never of a status from 400 on into
//! "if idempotent": it is an invitation, and no leave to do a thing twice.
//!
//! A verdict is given in two steps, because the head of an answer is not its end: see [`Judgment`].

mod grpc;
mod hints;
mod http;
#[cfg(test)]
mod tests;
mod transport;
mod verdict;

pub use self::{
    grpc::GrpcCode,
    hints::{Hint, MAX_RETRY_AFTER, retry_hint},
    http::ResponseHead,
    verdict::{AtEnd, Class, Classify, Judgment, Retry, Verdict},
};
pub(crate) use self::{
    hints::SHOULD_RETRY,
    http::{head, rejection},
    transport::{error, rejection_in},
};

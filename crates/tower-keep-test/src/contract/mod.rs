//! What every layer must keep, as checks that panic with an explanation.
//!
//! [`http()`] and [`plain`] run all checks over a layer, each with a layer of its own; every check
//! can also be called alone. The checks are async functions: run them in
//! `#[tokio::test(start_paused = true)]`, where a layer that waits for ever is found at once.
//!
//! Configure the layer so that a handful of calls one after another, three of them panicking, is
//! no reason to turn one away, and as tight as possible otherwise: a bulkhead of one finds leaks
//! that a bulkhead of a hundred hides. `quiescent` looks at the layer's handle after each
//! disturbance and panics if it is not at rest: a permit out, a probe running, a waiter queued.
//!
//! | check | promise |
//! |---|---|
//! | [`readiness`] | calls the ready instance; `poll_ready` reserves nothing |
//! | [`cancellation`] | a call dropped at any await point leaves nothing behind |
//! | [`panics`] | nor does an inner service that panics |
//! | [`body_drop`] | nor a response body dropped at any frame |
//! | [`body_passthrough`] | frames, trailers, errors and hints are those of the inner body |
//! | [`wakeups`] | no spinning, no lost wake-up |
//! | [`not_send`] | no `Send` bound of the layer's own |
//! | [`not_clone_request`] | no bound on the request; its body arrives whole |
//! | [`layer_shares_state`] | state lives in the layer; needs a number to look at, so call it alone |
//! | [`pair`] | two layers keep together what each keeps alone |
//! | `allocations` | the admitted path does not allocate (feature `alloc`) |

#[cfg(feature = "alloc")]
mod allocations;
mod any;
mod backend;
mod body_drop;
mod body_passthrough;
mod bounds;
mod cancellation;
mod drive;
mod pair;
mod panics;
mod payload;
mod readiness;
mod sharing;
mod subject;
mod suite;
mod wakeups;

#[cfg(feature = "alloc")]
pub use self::allocations::allocations;
pub use self::{
    any::{AnyBody, AnyLayer, AnyService},
    backend::{Backend, Bare, HttpFuture, Local, PlainFuture},
    body_drop::body_drop,
    body_passthrough::body_passthrough,
    bounds::{not_clone_request, not_send},
    cancellation::cancellation,
    pair::pair,
    panics::panics,
    payload::{Download, Upload},
    readiness::readiness,
    sharing::layer_shares_state,
    subject::{Contracted, Http, Plain, Subject},
    suite::{Contract, http, plain},
    wakeups::wakeups,
};

//! What happens in the layers, told to whoever listens.
//!
//! Every layer reports through one envelope, the [`Event`]. Nobody has to listen, and then it costs
//! one relaxed load for each call. Three kinds of listener:
//!
//! - **log lines**: with the feature `tracing`, what is rare (a breaker that opens, a lifecycle that
//!   moves on) is a `tracing` event at `INFO` or `WARN`, what is frequent (a refusal, a retry) one at
//!   `DEBUG`; nothing has to be switched on.
//! - **metrics**: with the feature `metrics`, [`install`]`(`[`Metrics`]`)` once in `main`, after the
//!   exporter.
//! - **your own**: an [`Observer`], for every layer with [`install`] or for one with its `observe`
//!   method; or a [`subscription`](Subscription), a bounded channel, from a layer's handle.
//!
//! Observers run where the event happens, outside any lock; keep them short. One that panics is
//! contained and does not harm the call.

mod emitter;
mod event;
#[cfg(feature = "metrics")]
mod metrics;
mod span;
mod subscription;
#[cfg(feature = "tracing")]
mod tracing;
mod vitals;

#[cfg(feature = "metrics")]
pub use self::metrics::Metrics;
pub(crate) use self::{emitter::Emitter, span::Span};
pub use self::{
    emitter::{Observer, install},
    event::{Event, EventKind},
    subscription::{Missed, Subscription},
    vitals::{Condition, Vitals, Watch},
};

//! What happens in the layers, told to whoever listens.
//!
//! Every layer reports through one envelope, the [`Event`]. Nobody has to listen, and then it costs
//! one relaxed load for each call. Three kinds of listener:
//!
//! - **log lines**: with the feature `tracing`, what is rare (a breaker that opens, a lifecycle that
//!   moves on) is a `tracing` event at `INFO` or `WARN`, what is frequent (a refusal, a retry) one at
//!   `DEBUG`; nothing has to be switched on, and `override_severity` changes it by event.
//! - **metrics**: with the feature `metrics`, [`install`]`(`[`Metrics`]`)` once in `main`, after the
//!   exporter.
//! - **your own**: an [`Observer`], for every layer with [`install`] or for one with its `observe`
//!   method; or a [`subscription`](Subscription), a bounded channel, from a layer's handle.
//!
//! What happened to one call is written down in its [`Decision`].
//!
//! Observers run where the event happens, outside any lock; keep them short. One that panics is
//! contained and does not harm the call.

mod decision;
mod decision_text;
mod emitter;
mod event;
mod event_text;
#[cfg(feature = "metrics")]
mod metric_table;
#[cfg(feature = "metrics")]
mod metrics;
mod record;
#[cfg(feature = "tracing")]
mod severity;
mod span;
mod subscription;
#[cfg(feature = "tracing")]
mod tracing;
mod vitals;

#[cfg(feature = "tracing")]
pub use self::severity::{Severity, override_severity};
pub use self::{
    decision::{Decision, Ending, Entry},
    emitter::{Observer, install},
    event::{Event, EventKind, Fact},
    record::Recording,
    subscription::{Missed, Subscription},
    vitals::{Condition, Vitals, Watch},
};
pub(crate) use self::{
    emitter::Emitter,
    record::{in_attempt, is_recording, recording},
    span::{Span, describe},
};
#[cfg(feature = "metrics")]
pub use self::{metric_table::MetricInfo, metrics::Metrics};

//! The `tracing` span of a request; nothing at all without the feature `tracing`.

use super::Decision;
use crate::context::{CorrelationId, TraceParent};

/// A span that is entered and left by hand, because a guard would borrow from what moves in between.
#[derive(Clone)]
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg(feature = "tracing")]
impl Span {
    /// A span `request` inside the present one; disabled if no subscriber is interested.
    pub(crate) fn open(id: &CorrelationId, trace: Option<TraceParent>) -> Self {
        let trace_id = trace.map(|trace| tracing::field::display(TraceId(trace.trace_id())));
        Self {
            span: tracing::info_span!(
                target: "tower_keep",
                "request",
                correlation_id = %id,
                trace_id,
            ),
        }
    }

    /// Everything that is logged on this thread is in the span, until as many calls of
    /// [`exit`](Self::exit).
    #[inline]
    pub(crate) fn enter(&self) {
        self.span
            .with_subscriber(|(id, subscriber)| subscriber.enter(id));
    }

    #[inline]
    pub(crate) fn exit(&self) {
        self.span
            .with_subscriber(|(id, subscriber)| subscriber.exit(id));
    }
}

#[cfg(not(feature = "tracing"))]
impl Span {
    pub(crate) fn open(_: &CorrelationId, _: Option<TraceParent>) -> Self {
        Self {}
    }

    #[inline]
    pub(crate) fn enter(&self) {}

    #[inline]
    pub(crate) fn exit(&self) {}
}

/// Records what was done with a call in the field `decision` of the present span, if it has one.
pub(crate) fn describe(decision: &Decision) {
    #[cfg(feature = "tracing")]
    {
        let span = tracing::Span::current();
        if span.has_field("decision") {
            span.record("decision", tracing::field::display(decision));
        }
    }
    let _ = decision;
}

/// Written by the subscriber, where one is interested.
#[cfg(feature = "tracing")]
struct TraceId(u128);

#[cfg(feature = "tracing")]
impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

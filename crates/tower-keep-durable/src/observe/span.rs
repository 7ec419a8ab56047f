use std::fmt;

use tower_keep::context::TraceParent;
use tracing::Instrument;

/// A span around some work.
#[derive(Debug, Clone)]
pub(crate) struct Span(tracing::Span);

impl Span {
    pub(super) fn new(span: tracing::Span) -> Self {
        Self(span)
    }

    /// The work, with everything that is logged in it inside of the span.
    pub(crate) fn around<W: Future>(&self, work: W) -> impl Future<Output = W::Output> + use<W> {
        work.instrument(self.0.clone())
    }

    /// What came of it.
    pub(crate) fn outcome(&self, outcome: &str) {
        self.0.record("outcome", outcome);
    }

    /// How many of something there were.
    pub(super) fn count(&self, field: &'static str, number: usize) {
        self.0.record(field, number);
    }
}

/// The trace that something belongs to, where it has one: `tracing` itself has no parents in other
/// processes, so they are fields.
pub(super) struct Place(Option<TraceParent>);

impl Place {
    pub(super) fn of(traceparent: Option<&str>) -> Self {
        Self(traceparent.and_then(|text| TraceParent::parse(text).ok()))
    }

    pub(super) fn trace(&self) -> Option<tracing::field::DisplayValue<Hex<u128>>> {
        self.0
            .map(|trace| tracing::field::display(Hex(trace.trace_id())))
    }

    pub(super) fn parent(&self) -> Option<tracing::field::DisplayValue<Hex<u64>>> {
        self.0
            .map(|trace| tracing::field::display(Hex(trace.span_id())))
    }
}

/// Written by the subscriber, where one is interested.
pub(super) struct Hex<T>(T);

impl fmt::Display for Hex<u128> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for Hex<u64> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

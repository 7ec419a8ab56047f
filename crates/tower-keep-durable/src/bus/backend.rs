use std::{fmt, future::Future, pin::Pin, time::Duration};

use super::{BusError, Delivery, Types};
use crate::Event;

/// What a backend's methods return: they are called through a pointer, once for each event or batch.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What stands behind a [`Bus`](super::Bus): a table, a broker.
///
/// The conformance suite in `tests/bus` says what it must keep.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Stores the events in this order. Returns once all are stored for good.
    ///
    /// After an error some may be stored and some not; whoever publishes them again gets duplicates,
    /// not losses. Cancelled, it is the same.
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>>;

    /// Joins a group. The first to join a group makes it, and it gets what is published from then on;
    /// whatever is published while no member runs waits for the next.
    fn subscribe<'a>(
        &'a self,
        group: &'a str,
        types: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>>;

    /// Whether it answers.
    fn ping(&self) -> Boxed<'_, Result<(), BusError>>;
}

/// One member of a group.
pub trait Source: Send {
    /// The next event of any partition that has none outstanding. Cancelled, nothing is lost.
    fn next(&mut self) -> Boxed<'_, Result<Delivery, BusError>>;
}

/// How a delivery ends.
pub trait Acknowledge: Send + Sync {
    /// It is done; the partition goes on.
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>>;

    /// Again, after `delay`; the partition waits for it.
    fn nack(&mut self, delay: Duration) -> Boxed<'_, Result<(), BusError>>;

    /// The handler still runs: others must not take it for dead.
    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>>;
}

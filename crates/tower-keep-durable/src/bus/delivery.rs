use std::{fmt, time::Duration};

use super::{Acknowledge, BusError};
use crate::Event;

/// An event on its way to a handler.
///
/// Dropped without a word it is delivered again, once the bus takes its receiver for dead.
pub struct Delivery {
    event: Event,
    attempt: u32,
    counted: bool,
    end: Box<dyn Acknowledge>,
}

impl Delivery {
    /// A delivery of a backend. `attempt` is 1 the first time; a bus that does not count says 1
    /// again after a restart.
    #[must_use]
    pub fn new(event: Event, attempt: u32, end: Box<dyn Acknowledge>) -> Self {
        Self {
            event,
            attempt,
            counted: false,
            end,
        }
    }

    /// The same, from a bus that keeps count for as long as it keeps the event, whatever happens to
    /// those who read: attempt 1 then means that nobody has seen it before, and a consumer need not
    /// write that down.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    /// Whether the bus [keeps count](Self::counted).
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.counted
    }

    /// What is delivered.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The how manieth time, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Done with it: handled, or kept as a dead letter.
    ///
    /// # Errors
    /// The bus does not answer; it will be delivered again.
    pub async fn ack(mut self) -> Result<(), BusError> {
        self.end.ack().await
    }

    /// Not yet: again after `delay`, and nothing else of its partition before.
    ///
    /// # Errors
    /// The bus does not answer; it will be delivered again.
    pub async fn nack(mut self, delay: Duration) -> Result<(), BusError> {
        self.end.nack(delay).await
    }

    /// Says that the handler still runs. A consumer does so while a handler works.
    ///
    /// # Errors
    /// The bus does not answer, or has given it to another member already.
    pub async fn progress(&mut self) -> Result<(), BusError> {
        self.end.progress().await
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("event", &self.event)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Event, Observer};
use crate::common::statics::{AtomicU64, Relaxed};

/// Events of a layer, through a bounded channel: all but those made for each admitted call.
///
/// Whoever is slow misses events and is told how many; the layer never waits. Dropping it ends the
/// subscription.
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Event>,
    missed: Arc<AtomicU64>,
}

/// How many events did not fit since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed(pub u64);

impl Subscription {
    /// The next event; `None` once the layer is gone.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The next event if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// How many events did not fit since this was last asked.
    #[must_use]
    pub fn missed(&self) -> Missed {
        // A counter read on its own: relaxed.
        Missed(self.missed.swap(0, Relaxed))
    }
}

struct Sender {
    events: mpsc::Sender<Event>,
    missed: Arc<AtomicU64>,
}

impl Observer for Sender {
    fn on_event(&self, event: &Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event.clone()) {
            self.missed.fetch_add(1, Relaxed);
        }
    }

    fn wants_calls(&self) -> bool {
        false
    }

    fn is_done(&self) -> bool {
        self.events.is_closed()
    }
}

/// # Panics
/// If `capacity` is 0.
pub(super) fn channel(capacity: usize) -> (impl Observer, Subscription) {
    assert!(
        capacity > 0,
        "a subscription needs room for at least one event"
    );
    let (sender, events) = mpsc::channel(capacity);
    let missed = Arc::new(AtomicU64::new(0));
    (
        Sender {
            events: sender,
            missed: missed.clone(),
        },
        Subscription { events, missed },
    )
}

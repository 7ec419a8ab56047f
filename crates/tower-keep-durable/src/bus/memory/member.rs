use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    select,
    time::{Instant, sleep_until},
};

use super::{
    super::{Acknowledge, Boxed, BusError, Delivery, Source, Types},
    backend::Shared,
    lane::Lane,
};

/// One member of a group.
pub(super) struct Member {
    shared: Arc<Shared>,
    group: Arc<str>,
    types: Types,
    /// Where to look first: after the partition that was served last, so that all get their turn.
    turn: usize,
}

impl Member {
    pub(super) fn new(shared: Arc<Shared>, group: &str, types: Types) -> Self {
        Self {
            shared,
            group: group.into(),
            types,
            turn: 0,
        }
    }

    /// What is ready, or when the next may be.
    fn take(&mut self) -> Result<Delivery, Option<Instant>> {
        // Relaxed: it need only differ.
        static HOLDERS: AtomicU64 = AtomicU64::new(0);
        let now = Instant::now();
        let holder = HOLDERS.fetch_add(1, Ordering::Relaxed);
        let lease = self.shared.config.lease;
        let mut groups = self.shared.lock();
        let Some(lanes) = groups.get_mut(&*self.group) else {
            return Err(None);
        };
        for step in 0..lanes.len() {
            let partition = (self.turn + step) % lanes.len();
            if let Some((event, attempt)) = lanes[partition].take(&self.types, holder, now, lease) {
                self.turn = partition + 1;
                let end = Held {
                    shared: Arc::clone(&self.shared),
                    group: Arc::clone(&self.group),
                    partition,
                    holder,
                };
                let delivery = Delivery::new((*event).clone(), attempt, Box::new(end));
                // As long as the process lives, and no event lives longer.
                return Ok(delivery.counted());
            }
        }
        let waiting = lanes.iter().filter(|lane| !lane.is_empty());
        Err(waiting.filter_map(Lane::ready_at).min())
    }
}

impl Source for Member {
    fn next(&mut self) -> Boxed<'_, Result<Delivery, BusError>> {
        Box::pin(async {
            let shared = Arc::clone(&self.shared);
            loop {
                let mut changed = pin!(shared.changed.notified());
                // From here on: what changes after the look below is not missed.
                changed.as_mut().enable();
                let ready_at = match self.take() {
                    Ok(delivery) => return Ok(delivery),
                    Err(ready_at) => ready_at,
                };
                match ready_at {
                    Some(at) => select! {
                        () = changed => {}
                        () = sleep_until(at) => {}
                    },
                    None => changed.await,
                }
            }
        })
    }
}

/// A partition that is held by one delivery.
struct Held {
    shared: Arc<Shared>,
    group: Arc<str>,
    partition: usize,
    holder: u64,
}

impl Held {
    fn if_held(&self, change: impl FnOnce(&mut Lane)) -> Result<(), BusError> {
        let mut groups = self.shared.lock();
        let lane = groups
            .get_mut(&*self.group)
            .and_then(|lanes| lanes.get_mut(self.partition))
            .filter(|lane| lane.is_held_by(self.holder))
            .ok_or(BusError::TakenOver)?;
        change(lane);
        drop(groups);
        self.shared.changed.notify_waiters();
        Ok(())
    }
}

impl Acknowledge for Held {
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { self.if_held(Lane::go_on) })
    }

    fn nack(&mut self, delay: Duration) -> Boxed<'_, Result<(), BusError>> {
        // A year is for ever; more would overflow.
        let not_before = Instant::now() + delay.min(Duration::from_secs(31_536_000));
        Box::pin(async move { self.if_held(|lane| lane.again(Some(not_before))) })
    }

    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>> {
        let until = Instant::now() + self.shared.config.lease;
        Box::pin(async move { self.if_held(|lane| lane.prolong(until)) })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // After an ack or a nack it is no longer ours, which is fine.
        let _ = self.if_held(|lane| lane.again(None));
    }
}

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{lane::Lane, shared::Shared};
use crate::bus::{Acknowledge, Boxed, BusError};

/// A partition that is held by one delivery, as long as the group leaves it to this member.
pub(super) struct Hold {
    pub(super) shared: Arc<Shared>,
    pub(super) partition: i32,
    pub(super) holder: u64,
}

impl Hold {
    fn if_held(&self, change: impl FnOnce(&mut Lane)) -> Result<(), BusError> {
        let Self {
            partition, holder, ..
        } = *self;
        if !self.shared.is_stopped() && self.shared.if_held(partition, holder, change) {
            Ok(())
        } else {
            Err(BusError::TakenOver)
        }
    }
}

impl Acknowledge for Hold {
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { self.if_held(Lane::go_on) })
    }

    fn nack(&mut self, delay: Duration) -> Boxed<'_, Result<(), BusError>> {
        let not_before = Instant::now() + delay;
        Box::pin(async move { self.if_held(|lane| lane.again(Some(not_before))) })
    }

    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { self.if_held(|_| {}) })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // After an ack or a nack it is no longer ours, which is fine.
        let _ = self.if_held(|lane| lane.again(None));
    }
}

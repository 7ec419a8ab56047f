use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use tokio::{
    select,
    time::{Instant, sleep_until, timeout},
};

use super::{KafkaConfig, hold::Hold, reader, shared::Shared};
use crate::bus::{Boxed, BusError, Delivery, Source, Types};

/// One member of a group.
pub(super) struct Member {
    config: KafkaConfig,
    group: String,
    types: Types,
    shared: Arc<Shared>,
    /// Where to look first: after the partition that was served last, so that all get their turn.
    turn: i32,
}

impl Member {
    /// Returns once the group has taken it in: from then on the group has a place in each partition.
    pub(super) async fn join(
        config: &KafkaConfig,
        group: &str,
        types: &Types,
    ) -> Result<Self, BusError> {
        let member = Self {
            config: config.clone(),
            group: group.to_owned(),
            types: types.clone(),
            shared: reader::start(config, group)?,
            turn: 0,
        };
        let shared = Arc::clone(&member.shared);
        let joined = async {
            loop {
                let mut changed = pin!(shared.changed.notified());
                changed.as_mut().enable();
                if shared.joined.load(Ordering::Acquire) > 0 {
                    return Ok(());
                }
                if let Some(error) = shared.failure() {
                    return Err(BusError::unavailable(error));
                }
                changed.await;
            }
        };
        timeout(config.timeout * 3, joined)
            .await
            .map_err(BusError::unavailable)??;
        Ok(member)
    }

    async fn delivery(&mut self) -> Result<Delivery, BusError> {
        loop {
            let shared = Arc::clone(&self.shared);
            let mut changed = pin!(shared.changed.notified());
            // From here on: what changes after the look below is not missed.
            changed.as_mut().enable();
            if let Some(error) = shared.failure() {
                self.shared = reader::start(&self.config, &self.group)?;
                return Err(BusError::unavailable(error));
            }
            let ready_at: Option<Instant> = match shared.take(&self.types, self.turn) {
                Ok((partition, holder, event, attempt)) => {
                    self.turn = partition + 1;
                    let hold = Hold {
                        shared: Arc::clone(&shared),
                        partition,
                        holder,
                    };
                    return Ok(Delivery::new(event, attempt, Box::new(hold)));
                }
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
    }
}

impl Source for Member {
    fn next(&mut self) -> Boxed<'_, Result<Delivery, BusError>> {
        Box::pin(self.delivery())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

//! A broker with places at which the process may be killed: before and after each publication, and
//! before and after each acknowledgement.

use std::{fmt, time::Duration};

use tower_keep_durable::{
    Bus, Event,
    bus::{Acknowledge, Backend, Boxed, BusError, Delivery, Source, Subscription, Types},
};

use super::crash_point;

/// The same bus. Without the feature `drills` it is left alone.
pub(crate) fn guarded(bus: Bus) -> Bus {
    if cfg!(feature = "drills") {
        Bus::new(Guarded(bus))
    } else {
        bus
    }
}

#[derive(Debug)]
struct Guarded(Bus);

impl Backend for Guarded {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(async move {
            crash_point("before a publication");
            let published = self.0.publish(events).await;
            crash_point("after a publication");
            published
        })
    }

    fn subscribe<'a>(
        &'a self,
        group: &'a str,
        types: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async move {
            let subscription = self.0.subscribe(group, types).await?;
            Ok(Box::new(GuardedSource(subscription)) as Box<dyn Source>)
        })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(self.0.ping())
    }
}

struct GuardedSource(Subscription);

impl Source for GuardedSource {
    fn next(&mut self) -> Boxed<'_, Result<Delivery, BusError>> {
        Box::pin(async {
            let delivery = self.0.next().await?;
            let (event, attempt) = (delivery.event().clone(), delivery.attempt());
            let is_counted = delivery.is_counted();
            let end = Box::new(End(Some(delivery)));
            let guarded = Delivery::new(event, attempt, end);
            Ok(match is_counted {
                true => guarded.counted(),
                false => guarded,
            })
        })
    }
}

impl fmt::Debug for GuardedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedSource").finish_non_exhaustive()
    }
}

/// The end of a delivery; it is used once.
struct End(Option<Delivery>);

impl Acknowledge for End {
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async {
            crash_point("before an acknowledgement");
            let acked = match self.0.take() {
                Some(delivery) => delivery.ack().await,
                None => Ok(()),
            };
            crash_point("after an acknowledgement");
            acked
        })
    }

    fn nack(&mut self, delay: Duration) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async move {
            match self.0.take() {
                Some(delivery) => delivery.nack(delay).await,
                None => Ok(()),
            }
        })
    }

    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async {
            match &mut self.0 {
                Some(delivery) => delivery.progress().await,
                None => Ok(()),
            }
        })
    }
}

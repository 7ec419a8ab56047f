use std::{sync::Arc, time::Duration};

use super::{Permit, core::Core, partition::Tag};
use crate::{
    common::{
        atomic::Relaxed,
        permits::{Owner, Slot},
    },
    rejection::{Kind, Rejection},
};

impl Owner for Core {
    type Tag = Tag;
    type Permit = Permit;

    fn max_wait(&self) -> Duration {
        Duration::from_nanos(self.max_wait_nanos.load(Relaxed))
    }

    fn granted(self: Arc<Self>, tag: &Tag, waited: impl FnOnce() -> Duration) -> Permit {
        self.meter.in_flight(self.places.running());
        let mut permit = Permit::new(self, *tag);
        permit.announce(waited);
        permit
    }

    fn waited_too_long(
        self: &Arc<Self>,
        _: &Arc<Slot<Tag>>,
        waited: Duration,
    ) -> Result<Permit, Rejection> {
        Err(self.refuse(Kind::QueueTimeout { waited }))
    }

    fn give_up(&self, slot: &Arc<Slot<Tag>>) {
        if self.places.give_up(slot) {
            self.partitions.waits_no_more(slot.tag);
        } else {
            self.leave(slot.tag);
        }
    }
}

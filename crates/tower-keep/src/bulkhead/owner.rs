use std::{sync::Arc, time::Duration};

use super::{permit::Permit, permits::Permits};
use crate::{
    common::permits::{Owner, Slot},
    rejection::{Kind, Rejection},
};

impl Owner for Permits {
    type Tag = ();
    type Permit = Permit;

    fn max_wait(&self) -> Duration {
        Self::max_wait(self)
    }

    fn granted(self: Arc<Self>, (): &(), waited: impl FnOnce() -> Duration) -> Permit {
        let mut permit = Permit::new(self.room.handed_over());
        permit.announce(&self, waited);
        permit
    }

    fn waited_too_long(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        waited: Duration,
    ) -> Result<Permit, Rejection> {
        if let Some(rejection) = self.refuse(Kind::QueueTimeout { waited }) {
            return Err(rejection);
        }
        let mut permit = Permit::new(self.room.jump_in_order(slot));
        permit.announce(self, || waited);
        Ok(permit)
    }

    fn give_up(&self, slot: &Arc<Slot>) {
        if !self.room.give_up(slot) {
            self.room.handed_over().leave(false);
        }
    }
}

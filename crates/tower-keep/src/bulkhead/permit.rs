use std::{fmt, pin::Pin, time::Duration};

use super::permits::Permits;
use crate::{
    common::permits::Place,
    observe::EventKind,
    protocol::{End, Guard},
};

/// A place in a bulkhead; dropping it gives the place back.
pub struct Permit {
    place: Place,
    /// Whether somebody was told of the admission, and so must be told of the end.
    told: bool,
}

impl Permit {
    #[inline]
    pub(super) fn new(place: Place) -> Self {
        Self { place, told: false }
    }

    /// Tells of the admission, if anybody wants to know.
    pub(super) fn announce(&mut self, permits: &Permits, waited: impl FnOnce() -> Duration) {
        self.told = permits.emitter.wants_calls() && permits.rule().is_enabled();
        if self.told {
            let waited = waited();
            permits.emitter.emit(EventKind::CallAdmitted { waited });
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        self.place.leave(self.told);
    }
}

impl Guard for Permit {
    /// The place is given back when the guard is dropped, which follows the end at once.
    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use super::{Tenant, shared::Shared};
use crate::{
    common::clock::Instant,
    context::{Priority, prioritized},
    observe::EventKind,
    protocol::{End, Guard},
};

/// A place, from the admission of a call to the end of its answer; dropping it gives the place back.
pub struct Permit {
    /// Nothing while the layer is switched off.
    shared: Option<Arc<Shared>>,
    /// Whose it is, and since when, where tenants are told apart.
    tenant: Option<(Tenant, Instant)>,
    /// What the calls that are made for it inherit, if it is not what they would have anyway.
    priority: Option<Priority>,
    /// Whether somebody was told of the admission, and so must be told of the end.
    observed: bool,
}

impl Permit {
    #[inline]
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared: Some(shared),
            ..Self::none()
        }
    }

    /// For a layer that is switched off.
    #[inline]
    pub(super) fn none() -> Self {
        Self {
            shared: None,
            tenant: None,
            priority: None,
            observed: false,
        }
    }

    pub(super) fn for_tenant(mut self, tenant: Option<Tenant>, since: Instant) -> Self {
        self.tenant = tenant.map(|tenant| (tenant, since));
        self
    }

    #[inline]
    pub(super) fn with_priority(mut self, priority: Option<Priority>) -> Self {
        self.priority = priority;
        self
    }

    /// Tells of the admission, if anybody wants to know.
    pub(super) fn announce(&mut self, waited: Duration) {
        if let Some(shared) = &self.shared
            && shared.emitter.wants_calls()
        {
            self.observed = true;
            shared.emitter.emit(EventKind::CallAdmitted { waited });
        }
    }

    /// Runs work of the call.
    #[inline]
    pub(super) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        prioritized(self.priority, work)
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        let Some(shared) = &self.shared else { return };
        if let Some((tenant, since)) = self.tenant {
            shared.used(tenant, since);
        }
        shared.leave();
        if self.observed {
            shared.emitter.emit(EventKind::CallReleased);
        }
    }
}

impl Guard for Permit {
    #[inline]
    fn is_idle(&self) -> bool {
        self.shared.is_none() && self.priority.is_none()
    }

    /// The place is given back when the guard is dropped, which follows the end at once.
    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}

    #[inline]
    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        self.run(poll)
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

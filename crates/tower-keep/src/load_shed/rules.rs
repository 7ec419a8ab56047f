use std::{fmt, sync::Arc};

use super::Tenant;
use crate::{context::Priority, protocol::Head};

/// What a layer was told about requests: whom to spare, what matters, who asks.
#[derive(Clone, Default)]
pub(super) struct Rules {
    pub(super) exempt: Option<Rule<bool>>,
    pub(super) prioritize: Option<Rule<Option<Priority>>>,
    pub(super) tenant: Option<Rule<Option<Tenant>>>,
}

pub(super) type Rule<T> = Arc<dyn Fn(&Head<'_>) -> T + Send + Sync>;

impl Rules {
    /// What the request, or the layer, says about how much it matters; `None` if neither says anything.
    #[inline]
    pub(super) fn priority(&self, head: &Head<'_>, read_header: bool) -> Option<Priority> {
        if let Some(prioritize) = &self.prioritize
            && let Some(priority) = prioritize(head)
        {
            return Some(priority);
        }
        if let Some(priority) = head.extensions.get() {
            return Some(*priority);
        }
        if read_header {
            Priority::from_headers(head.headers)
        } else {
            None
        }
    }

    pub(super) fn is_exempt(&self, head: Option<&Head<'_>>) -> bool {
        match (&self.exempt, head) {
            (Some(exempt), Some(head)) => exempt(head),
            _ => false,
        }
    }

    pub(super) fn tenant(&self, head: Option<&Head<'_>>) -> Option<Tenant> {
        self.tenant.as_ref()?(head?)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("exempt", &self.exempt.is_some())
            .field("prioritize", &self.prioritize.is_some())
            .field("tenant", &self.tenant.is_some())
            .finish()
    }
}

use std::{fmt, sync::Arc};

use crate::protocol::Head;

/// What the head of a request says about its place.
#[derive(Clone, Default)]
pub(super) struct Rules {
    pub(super) partition: Option<Arc<PartitionBy>>,
    pub(super) exempt: Option<Arc<Exempt>>,
}

pub(super) type PartitionBy = dyn for<'a> Fn(&Head<'a>) -> Option<&'a str> + Send + Sync;
pub(super) type Exempt = dyn Fn(&Head<'_>) -> bool + Send + Sync;

impl Rules {
    #[inline]
    pub(super) fn are_none(&self) -> bool {
        self.partition.is_none() && self.exempt.is_none()
    }

    pub(super) fn exempts(&self, head: Option<&Head<'_>>) -> bool {
        self.exempt
            .as_ref()
            .zip(head)
            .is_some_and(|(exempt, head)| exempt(head))
    }

    /// The name of the partition of a request.
    pub(super) fn partition<'a>(&self, head: Option<&Head<'a>>) -> Option<&'a str> {
        self.partition.as_ref()?(head?)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("partition", &self.partition.is_some())
            .field("exempt", &self.exempt.is_some())
            .finish()
    }
}

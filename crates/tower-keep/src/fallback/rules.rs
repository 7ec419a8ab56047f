use std::{fmt, pin::Pin, sync::Arc};

use super::{Causes, Failed};

/// Who answers in which case. The first rule that fits and has an answer counts.
pub(super) struct Rule<T> {
    pub(super) causes: Causes,
    pub(super) how: How<T>,
}

pub(super) enum How<T> {
    /// A function of what went wrong, and of the outcome where that is a plain value.
    Make(Arc<Make<T>>),
    /// The last good answer.
    Stale,
    /// Another service.
    Backup,
}

pub(super) type Make<T> = dyn Fn(Failed, Option<T>) -> Made<T> + Send + Sync;

/// An answer, or one to come.
pub(super) enum Made<T> {
    Now(T),
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> Clone for Rule<T> {
    fn clone(&self) -> Self {
        Self {
            causes: self.causes,
            how: self.how.clone(),
        }
    }
}

impl<T> Clone for How<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Make(make) => Self::Make(make.clone()),
            Self::Stale => Self::Stale,
            Self::Backup => Self::Backup,
        }
    }
}

impl<T> fmt::Debug for Rule<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::Make(_) => "function",
            How::Stale => "stale",
            How::Backup => "service",
        };
        write!(f, "{:?}: {how}", self.causes)
    }
}

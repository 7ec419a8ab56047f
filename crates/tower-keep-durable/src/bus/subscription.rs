use std::fmt;

use super::{BusError, Delivery, Source};

/// Which events a group wants: exact types, and prefixes that end in `.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types(Vec<String>);

impl Types {
    /// These types: `shop.order.created.v1`, or `shop.order.*` for all that begin so.
    #[must_use]
    pub fn of<T: Into<String>>(types: impl IntoIterator<Item = T>) -> Self {
        Self(types.into_iter().map(Into::into).collect())
    }

    /// Every event.
    #[must_use]
    pub fn all() -> Self {
        Self::of(["*"])
    }

    /// Whether events of this type are wanted.
    #[must_use]
    pub fn contain(&self, kind: &str) -> bool {
        self.0.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(prefix) => kind.starts_with(prefix),
            None => wanted == kind,
        })
    }

    /// As they were given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// One member of a group. Dropped, its partitions go to the others.
pub struct Subscription {
    source: Box<dyn Source>,
}

impl Subscription {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self { source }
    }

    /// The next event, from any partition that has none outstanding here. Cancelled, nothing is
    /// lost.
    ///
    /// # Errors
    /// The bus does not answer; call again, it connects again by itself.
    pub async fn next(&mut self) -> Result<Delivery, BusError> {
        self.source.next().await
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

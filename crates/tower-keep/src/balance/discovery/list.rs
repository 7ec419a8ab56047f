use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use futures_core::Stream;
use tower::discover::Change;

/// Endpoints that are known beforehand, each its own key.
///
/// ```
/// use tower_keep::balance::discovery::StaticList;
///
/// let list = StaticList::new(["10.0.0.1:80", "10.0.0.2:80"]);
/// # let _ = list;
/// ```
#[derive(Clone, Debug)]
pub struct StaticList<K>(vec::IntoIter<K>);

impl<K> StaticList<K> {
    /// These endpoints.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = K>) -> Self {
        Self(endpoints.into_iter().collect::<Vec<_>>().into_iter())
    }
}

impl<K: Clone + Unpin> Stream for StaticList<K> {
    type Item = Result<Change<K, K>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.0.next();
        Poll::Ready(next.map(|key| Ok(Change::Insert(key.clone(), key))))
    }
}

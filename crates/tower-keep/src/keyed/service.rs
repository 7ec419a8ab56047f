use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use super::{KeyOf, Keyable, ResponseFuture, keys::Keys};
use crate::common::macros::inner_accessors;

/// A service behind a layer for each key. Made by [`KeyedLayer`](super::KeyedLayer).
pub struct Keyed<S, L: Keyable, K> {
    inner: S,
    keys: Arc<Keys<L>>,
    key: K,
}

impl<S, L: Keyable, K> Keyed<S, L, K> {
    pub(super) fn new(inner: S, keys: Arc<Keys<L>>, key: K) -> Self {
        Self { inner, keys, key }
    }

    inner_accessors!();
}

impl<S, L, K, Req> Service<Req> for Keyed<S, L, K>
where
    S: Service<Req> + Clone,
    L: Keyable + Layer<S>,
    L::Service: Service<Req, Error = S::Error>,
    K: KeyOf<Req>,
{
    type Response = <L::Service as Service<Req>>::Response;
    type Error = S::Error;
    type Future = ResponseFuture<<L::Service as Service<Req>>::Future, L>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let entry = self.keys.pick(self.key.key_of(&request).as_deref());
        // The service that was made ready is called; its clone stays here. The layer's own service
        // is ready because the one inside is: layers reserve nothing in `poll_ready`.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let inner = entry.layer.layer(ready).call(request);
        ResponseFuture::new(inner, entry)
    }
}

impl<S: Clone, L: Keyable, K: Clone> Clone for Keyed<S, L, K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            keys: self.keys.clone(),
            key: self.key.clone(),
        }
    }
}

impl<S: fmt::Debug, L: Keyable, K> fmt::Debug for Keyed<S, L, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("inner", &self.inner)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

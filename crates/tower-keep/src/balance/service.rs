use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{future::ResponseFuture, pool::Pool};
use crate::protocol::{Http, Inspect, Protocol};

/// A service that sends each call to one of several endpoints. Made by [`Balance`](super::Balance).
///
/// A clone is the same balancer, with the same endpoints; cloning counts one reference. When all
/// clones are gone, discovery ends; calls that are under way do not.
pub struct Balanced<S, P = Http> {
    pool: Arc<Pool<S>>,
    protocol: P,
}

impl<S, P> Balanced<S, P> {
    pub(super) fn new(pool: Arc<Pool<S>>, protocol: P) -> Self {
        Self { pool, protocol }
    }
}

impl<S, P, Req> Service<Req> for Balanced<S, P>
where
    S: Service<Req> + Clone,
    P: Protocol<S::Response, S::Error> + Inspect<Req> + Clone,
{
    type Response = P::Response<super::Flight>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, P>;

    /// Always ready: which endpoint must be ready depends on the call.
    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        ResponseFuture::new(self.pool.clone(), request, self.protocol.clone(), wire)
    }
}

// By hand: the service is behind an `Arc`.
impl<S, P: Clone> Clone for Balanced<S, P> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            protocol: self.protocol.clone(),
        }
    }
}

impl<S, P> fmt::Debug for Balanced<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balanced")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

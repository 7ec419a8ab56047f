use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use super::entry::Use;

/// The answer of a [`Keyed`](super::Keyed) service: that of its key's layer.
///
/// While it is there, so is the key.
#[pin_project]
pub struct ResponseFuture<F, L> {
    #[pin]
    inner: F,
    entry: Use<L>,
}

impl<F, L> ResponseFuture<F, L> {
    #[inline]
    pub(super) fn new(inner: F, entry: Use<L>) -> Self {
        Self { inner, entry }
    }
}

impl<F: Future, L> Future for ResponseFuture<F, L> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().inner.poll(cx)
    }
}

impl<F, L> fmt::Debug for ResponseFuture<F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

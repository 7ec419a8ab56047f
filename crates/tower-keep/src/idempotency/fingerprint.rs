use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::header;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use sha2::{Digest, Sha256};

use crate::{
    common::sync::{self, Mutex},
    protocol::Head,
};

/// A digest of a request: its query, its content type and its body. Two requests with the same are
/// taken for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The bytes, for a store.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// From the bytes of a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Takes a request's fingerprint.
#[derive(Clone, Debug)]
pub(super) struct Press(Sha256);

impl Press {
    pub(super) fn new(head: &Head<'_>) -> Self {
        let mut digest = Sha256::new().chain_update(head.uri.query().unwrap_or_default());
        for value in head.headers.get_all(header::CONTENT_TYPE) {
            digest.update([0]);
            digest.update(value);
        }
        Self(digest.chain_update([0]))
    }

    pub(super) fn add(&mut self, data: &Bytes) {
        self.0.update(data);
    }

    pub(super) fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

/// Where the fingerprint of a request that is being read comes to be. Locked for no longer than it
/// takes to look; only requests with a key have one.
#[derive(Debug)]
pub(super) struct Plate(Mutex<Option<Fingerprint>>);

impl Plate {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(None)))
    }

    /// The fingerprint, if the service has read the body to its end.
    pub(super) fn taken(&self) -> Option<Fingerprint> {
        *sync::lock(&self.0)
    }
}

/// The body of a request, whose fingerprint is taken as the service reads it.
///
/// Frames, trailers, size hint, errors and end-of-stream pass through exactly.
#[pin_project]
pub struct FingerprintedBody<B> {
    #[pin]
    inner: B,
    /// None for a request without a key.
    press: Option<(Press, Arc<Plate>)>,
}

impl<B: Body> FingerprintedBody<B> {
    pub(super) fn none(inner: B) -> Self {
        Self { inner, press: None }
    }

    pub(super) fn new(inner: B, press: Press, plate: Arc<Plate>) -> Self {
        let mut body = Self {
            inner,
            press: Some((press, plate)),
        };
        if body.inner.is_end_stream() {
            end(&mut body.press);
        }
        body
    }
}

fn end(press: &mut Option<(Press, Arc<Plate>)>) {
    if let Some((press, plate)) = press.take() {
        *sync::lock(&plate.0) = Some(press.finish());
    }
}

impl<B: Body<Data = Bytes>> Body for FingerprintedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(data), Some((press, _))) = (frame.data_ref(), &mut *this.press) {
                    press.add(data);
                }
                if this.inner.is_end_stream() || frame.is_trailers() {
                    end(this.press);
                }
            }
            Some(Err(_)) => *this.press = None,
            None => end(this.press),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> fmt::Debug for FingerprintedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FingerprintedBody").finish_non_exhaustive()
    }
}

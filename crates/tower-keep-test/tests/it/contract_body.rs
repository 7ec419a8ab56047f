//! The checks of the response body.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tower::{BoxError, util::MapResponseLayer};
use tower_keep_test::contract::{self, Download, Http};

use crate::specimen::fails;

type Change = fn(Frame<Bytes>) -> Frame<Bytes>;

/// A body wrapper with some places to break it.
struct Wrapped {
    inner: Pin<Box<Download<()>>>,
    change: Change,
    hint: Option<SizeHint>,
    /// Counted down at the end of the body, but not when it is dropped.
    open: Option<Arc<AtomicUsize>>,
}

impl Body for Wrapped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = std::task::ready!(self.inner.as_mut().poll_frame(cx));
        if frame.is_none()
            && let Some(open) = self.open.take()
        {
            open.fetch_sub(1, SeqCst);
        }
        let change = self.change;
        Poll::Ready(frame.map(|frame| frame.map(change)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint.unwrap_or_else(|| self.inner.size_hint())
    }
}

fn wrap(
    response: Response<Download<()>>,
    change: Change,
    hint: Option<SizeHint>,
) -> Response<Wrapped> {
    response.map(|body| Wrapped {
        inner: Box::pin(body),
        change,
        hint,
        open: None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_faithful_wrapper_passes() {
    let layer = MapResponseLayer::new(|response| wrap(response, |frame| frame, None));
    contract::body_passthrough(&layer).await;
    contract::body_drop(&layer, || ()).await;
}

#[tokio::test(start_paused = true)]
async fn swallowed_trailers_are_found() {
    let no_trailers: Change = |frame| match frame.into_data() {
        Ok(data) => Frame::data(data),
        Err(_) => Frame::data(Bytes::new()),
    };
    let layer = MapResponseLayer::new(move |response| wrap(response, no_trailers, None));
    let text = "contract `body_passthrough`: a body with trailers, step 11: the bare service's \
                body shows the trailers";
    fails(contract::body_passthrough(&layer), text).await;
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_survives_a_panic_of_its_body_is_found() {
    let open = Arc::new(AtomicUsize::new(0));
    let layer = counting(&open);
    let check = contract::panics(Http, &layer, || {
        assert_eq!(open.load(SeqCst), 0, "open bodies");
    });
    let text =
        "contract `panics`: the inner service panicked in its body: the layer is not at rest";
    fails(check, text).await;
}

#[tokio::test(start_paused = true)]
async fn a_masked_error_is_found() {
    let layer = MapResponseLayer::new(|response: Response<Download<()>>| {
        response.map(|body| body.map_err(|_| BoxError::from("sorry")))
    });
    let text = "the bare service's body shows the error `the line broke`, behind the layer it \
                shows the error `sorry`";
    fails(contract::body_passthrough(&layer), text).await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_size_hint_is_found() {
    let unknown = || Some(SizeHint::new());
    let layer = MapResponseLayer::new(move |response| wrap(response, |frame| frame, unknown()));
    let text = "contract `body_passthrough`: an empty body, step 0: the bare service's body shows \
                the size hint 0..Some(0), behind the layer it shows the size hint 0..None";
    fails(contract::body_passthrough(&layer), text).await;
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_survives_its_dropped_body_is_found() {
    let open = Arc::new(AtomicUsize::new(0));
    let layer = counting(&open);
    let check = contract::body_drop(&layer, || {
        assert_eq!(open.load(SeqCst), 0, "open bodies");
    });
    let text = "contract `body_drop`: its body dropped after 0 frames: the layer is not at rest";
    fails(check, text).await;
}

fn counting(
    open: &Arc<AtomicUsize>,
) -> MapResponseLayer<impl Fn(Response<Download<()>>) -> Response<Wrapped> + Clone + use<>> {
    let open = Arc::clone(open);
    MapResponseLayer::new(move |response| {
        open.fetch_add(1, SeqCst);
        let mut response = wrap(response, |frame| frame, None);
        response.body_mut().open = Some(Arc::clone(&open));
        response
    })
}

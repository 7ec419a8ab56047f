//! A body that is a list of frames.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tower::BoxError;

/// A body that plays a list of frames and then ends.
///
/// Its size hint is exact and it reports the end of the stream after its last step, unless told
/// otherwise. A clone starts where the original stands and shares its list, so that handing out
/// clones does not allocate.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use http_body_util::BodyExt;
/// use tower_keep_test::body::Frames;
///
/// let body = Frames::new().data("ab").pending().data("c");
/// assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Frames {
    steps: Arc<Vec<Step>>,
    next: usize,
    size_hint: Option<SizeHint>,
    end_stream: Option<bool>,
}

#[derive(Clone, Debug)]
enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Error(Arc<str>),
    Pending,
    Panic,
}

impl Frames {
    /// An empty body.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a data frame.
    #[must_use]
    pub fn data(self, data: impl Into<Bytes>) -> Self {
        self.step(Step::Data(data.into()))
    }

    /// Adds a frame of trailers.
    #[must_use]
    pub fn trailers(self, trailers: HeaderMap) -> Self {
        self.step(Step::Trailers(trailers))
    }

    /// Adds an error with this text.
    #[must_use]
    pub fn error(self, text: &str) -> Self {
        self.step(Step::Error(text.into()))
    }

    /// Adds one `Pending` that wakes at once.
    #[must_use]
    pub fn pending(self) -> Self {
        self.step(Step::Pending)
    }

    /// Adds a panic.
    #[must_use]
    pub fn panic(self) -> Self {
        self.step(Step::Panic)
    }

    /// Says this size whatever the list holds.
    #[must_use]
    pub fn with_size_hint(mut self, hint: SizeHint) -> Self {
        self.size_hint = Some(hint);
        self
    }

    /// Answers `is_end_stream` with this wherever the body stands.
    #[must_use]
    pub fn with_end_stream(mut self, end: bool) -> Self {
        self.end_stream = Some(end);
        self
    }

    fn step(mut self, step: Step) -> Self {
        Arc::make_mut(&mut self.steps).push(step);
        self
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(step) = self.steps.get(self.next).cloned() else {
            return Poll::Ready(None);
        };
        self.next += 1;
        match step {
            Step::Data(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Step::Trailers(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Step::Error(text) => Poll::Ready(Some(Err(BoxError::from(&*text)))),
            Step::Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Step::Panic => panic!("Frames: the body panics, as the test asked"),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end_stream.unwrap_or(self.next == self.steps.len())
    }

    fn size_hint(&self) -> SizeHint {
        self.size_hint.unwrap_or_else(|| {
            let left = self.steps[self.next..].iter().map(|step| match step {
                Step::Data(data) => data.len() as u64,
                _ => 0,
            });
            SizeHint::with_exact(left.sum())
        })
    }
}

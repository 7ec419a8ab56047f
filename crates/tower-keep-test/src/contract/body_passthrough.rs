//! A response body that arrives as it was sent.

use std::{
    convert::Infallible,
    fmt,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, SizeHint};
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    backend::{Backend, Bare, Plan},
    drive::Check,
    payload::Upload,
    subject::{Http, Subject},
};
use crate::body::Frames;

/// No script below has more steps.
const STEPS: usize = 12;

/// Response bodies of all shapes pass unchanged: frames and their borders, trailers, errors,
/// pauses, and the size hint and end-of-stream flag before each of them.
///
/// # Panics
///
/// With the first difference, if the layer breaks this.
pub async fn body_passthrough<L, B>(layer: &L)
where
    L: Layer<Bare>,
    L::Service: Service<Request<Upload>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let check = Check("body_passthrough");
    let (bare, control) = Backend::new(());
    let service = layer.layer(bare);
    for (name, frames) in bodies() {
        control.set(Plan {
            body: frames.clone(),
            ..Plan::default()
        });
        let mut clone = service.clone();
        check.ready::<Http, _>("before the call", &mut clone).await;
        let Ok(response) = check
            .within(name, Subject::<Http>::start(&mut clone, false))
            .await;
        let expected = transcript(frames);
        let found = transcript(response.into_body());
        for (step, (expected, found)) in expected.iter().zip(&found).enumerate() {
            if expected != found {
                check.fail(&format!(
                    "{name}, step {step}: the bare service's body shows {expected}, behind the \
                     layer it shows {found}"
                ));
            }
        }
    }
}

fn bodies() -> Vec<(&'static str, Frames)> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers.append("x-twice", HeaderValue::from_static("a"));
    trailers.append("x-twice", HeaderValue::from_static("b"));
    let mut range = SizeHint::new();
    range.set_lower(2);
    range.set_upper(9);
    let three = || Frames::new().data("one").data("two").data("three");
    vec![
        ("an empty body", Frames::new()),
        ("one frame", Frames::new().data("whole")),
        ("an empty frame", Frames::new().data("").data("after")),
        ("three frames", three()),
        ("a body with pauses", three().pending().data("four")),
        ("a body with trailers", three().trailers(trailers.clone())),
        ("trailers only", Frames::new().trailers(trailers)),
        (
            "a body of unknown size",
            three().with_size_hint(SizeHint::new()),
        ),
        (
            "a body of a size between bounds",
            three().with_size_hint(range),
        ),
        (
            "a body that does not see its end coming",
            three().with_end_stream(false),
        ),
        (
            "a body that fails",
            Frames::new().data("half").error("the line broke"),
        ),
        (
            "a body that fails at once",
            Frames::new().error("nothing there"),
        ),
    ]
}

/// What a reader sees of a body, look by look and frame by frame, to one look past its end.
fn transcript<B>(body: B) -> Vec<Seen>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    let mut seen = Vec::new();
    for _ in 0..STEPS {
        let hint = body.size_hint();
        seen.push(Seen::Hint(hint.lower(), hint.upper()));
        seen.push(Seen::EndStream(body.is_end_stream()));
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Pending => seen.push(Seen::Pause),
            Poll::Ready(Some(Ok(frame))) => seen.push(match frame.into_data() {
                Ok(data) => Seen::Data(data),
                Err(frame) => Seen::Trailers(frame.into_trailers().unwrap_or_default()),
            }),
            Poll::Ready(Some(Err(error))) => {
                seen.push(Seen::Error(root(&*error.into())));
                // A body that has failed is over; what it shows afterwards binds nobody.
                return seen;
            }
            Poll::Ready(None) => {
                seen.push(Seen::End);
                seen.push(Seen::EndStream(body.is_end_stream()));
                return seen;
            }
        }
    }
    seen
}

/// The text at the root of an error: a layer may wrap the error, but not lose it.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), root)
}

#[derive(PartialEq)]
enum Seen {
    Hint(u64, Option<u64>),
    EndStream(bool),
    Data(Bytes),
    Trailers(HeaderMap),
    Error(String),
    Pause,
    End,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hint(lower, upper) => write!(f, "the size hint {lower}..{upper:?}"),
            Self::EndStream(end) => write!(f, "is_end_stream = {end}"),
            Self::Data(data) => write!(f, "the data {data:?}"),
            Self::Trailers(trailers) => write!(f, "the trailers {trailers:?}"),
            Self::Error(text) => write!(f, "the error `{text}`"),
            Self::Pause => f.write_str("a pause"),
            Self::End => f.write_str("the end"),
        }
    }
}

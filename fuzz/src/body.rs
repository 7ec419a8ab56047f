use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, SizeHint};
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError, bulkhead::BulkheadLayer, circuit_breaker::CircuitBreakerLayer, timeout::TimeoutLayer,
};
use tower_keep_test::body::Frames;

use crate::input::{self, Request};

/// What a foreign body does when it is asked for a frame.
#[derive(Arbitrary, Clone, Debug)]
enum Step {
    Data(u8),
    Trailers,
    Error,
    Pending,
}

/// A foreign body, what it says of itself, and how many frames are read before it is dropped.
#[derive(Arbitrary, Clone, Debug)]
struct Foreign {
    steps: Vec<Step>,
    /// A hint that need not be true.
    hint: Option<(u16, Option<u16>)>,
    says_end: Option<bool>,
    read: u8,
}

/// The frames of a foreign body through three layers: each comes out as it went in, the layers say of
/// the body what it says of itself, and when it is dropped its place is free again.
pub fn body(bytes: &[u8]) {
    let Ok(foreign) = Foreign::arbitrary(&mut Unstructured::new(bytes)) else {
        return;
    };
    let bulkhead = BulkheadLayer::new(1);
    let handle = bulkhead.handle();
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::default())
        .layer(bulkhead)
        .layer(CircuitBreakerLayer::new())
        .service(service_fn({
            let foreign = foreign.clone();
            move |_: Request| {
                let response = Response::new(foreign.body());
                async { Ok::<_, BoxError>(response) }
            }
        }));
    input::run(async {
        let answer = service.oneshot(input::request(HeaderMap::new())).await;
        let mut ours = Box::pin(answer.expect("the handler does not fail").into_body());
        let mut theirs = foreign.body();
        for _ in 0..foreign.read {
            assert_eq!(ours.is_end_stream(), theirs.is_end_stream(), "{foreign:?}");
            assert_eq!(ours.size_hint().lower(), theirs.size_hint().lower());
            assert_eq!(ours.size_hint().upper(), theirs.size_hint().upper());
            let (got, wanted) = (ours.frame().await, theirs.frame().await);
            match (got, wanted) {
                (None, None) => break,
                (Some(Ok(got)), Some(Ok(wanted))) => {
                    assert_eq!(got.data_ref(), wanted.data_ref());
                    assert_eq!(got.trailers_ref(), wanted.trailers_ref());
                }
                (Some(Err(got)), Some(Err(wanted))) => {
                    assert_eq!(got.to_string(), wanted.to_string());
                    break; // nobody asks a body that failed for more
                }
                different => panic!("{different:?}"),
            }
        }
        drop(ours);
    });
    assert_eq!(handle.snapshot().running, 0, "{foreign:?}");
}

impl Foreign {
    fn body(&self) -> Frames {
        let mut body = Frames::new();
        for step in &self.steps {
            body = match step {
                Step::Data(size) => body.data(Bytes::from(vec![b'x'; (*size).into()])),
                Step::Trailers => {
                    let name = "x-checksum".parse().expect("a name");
                    let one = (name, HeaderValue::from_static("7"));
                    body.trailers(HeaderMap::from_iter([one]))
                }
                Step::Error => body.error("broke off"),
                Step::Pending => body.pending(),
            };
        }
        if let Some((lower, upper)) = self.hint {
            let mut hint = SizeHint::new();
            hint.set_lower(lower.into());
            if let Some(more) = upper {
                hint.set_upper(u64::from(lower) + u64::from(more));
            }
            body = body.with_size_hint(hint);
        }
        match self.says_end {
            Some(end) => body.with_end_stream(end),
            None => body,
        }
    }
}

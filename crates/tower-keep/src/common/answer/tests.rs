use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{Empty, Full};

use super::{Answer, Recorder};
use crate::{
    protocol::{Body, End, Wire},
    rejection::{Kind, Rejection},
};

type Given = Body<Full<Bytes>, ()>;

/// What comes out when these frames go by.
fn record(
    response: &Response<Empty<Bytes>>,
    frames: &[&'static str],
    cap: usize,
) -> Option<Answer> {
    let mut recorder = Recorder::start(Wire::Http, response, cap)?;
    for frame in frames {
        recorder.on_frame(&Bytes::from_static(frame.as_bytes()));
    }
    recorder.end(End::COMPLETE)
}

/// The frames of a body, and what it says of itself before each.
fn frames(body: Given) -> Vec<(Frame<Bytes>, u64)> {
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    let mut found = Vec::new();
    loop {
        let left = body
            .size_hint()
            .exact()
            .expect("a kept body knows its length");
        let is_end = body.is_end_stream();
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(frame)) => {
                assert!(!is_end);
                found.push((frame.expect("a kept body does not fail"), left));
            }
            Poll::Ready(None) => {
                assert!(is_end);
                return found;
            }
            Poll::Pending => unreachable!("a kept body is there"),
        }
    }
}

fn with_headers(headers: &[(&'static str, &'static str)]) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    for (name, value) in headers {
        response
            .headers_mut()
            .append(*name, HeaderValue::from_static(value));
    }
    response
}

#[test]
fn an_answer_is_given_again_frame_by_frame() {
    let mut response = with_headers(&[("etag", "\"1\"")]);
    *response.status_mut() = StatusCode::NOT_FOUND;
    let mut recorder = Recorder::start(Wire::Http, &response, 5).expect("small");
    let memory = Bytes::from(vec![b'a'; 3]);
    recorder.on_frame(&memory);
    recorder.on_frame(&Bytes::new());
    recorder.on_frame(&Bytes::from_static(b"bc"));
    let trailers = HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("\"2\""))]);
    let end = End::Complete {
        trailers: Some(&trailers),
    };
    let answer = Arc::new(recorder.end(end).expect("whole"));
    for _ in 0..2 {
        let given = answer.respond(Wire::Http);
        assert_eq!(given.status(), StatusCode::NOT_FOUND);
        assert_eq!(given.headers(), response.headers());
        let frames = frames(given.into_body());
        let [(first, 5), (second, 2), (last, 0)] = &frames[..] else {
            panic!("{frames:?}");
        };
        let first = first.data_ref().expect("data");
        assert_eq!(first.as_ptr(), memory.as_ptr(), "the same memory");
        assert_eq!(second.data_ref().expect("data"), "bc");
        assert_eq!(last.trailers_ref(), Some(&trailers));
    }
}

#[test]
fn what_is_not_whole_or_too_large_is_not_kept() {
    let plain = || with_headers(&[]);
    assert!(record(&plain(), &["abc", "de"], 5).is_some());
    assert!(record(&plain(), &["abc", "def"], 5).is_none(), "too large");
    let announces = |length| with_headers(&[("content-length", length)]);
    assert!(record(&announces("3"), &["abc"], 5).is_some());
    assert!(record(&announces("4"), &["abc"], 5).is_none(), "cut short");
    assert!(Recorder::start(Wire::Http, &announces("6"), 5).is_none());
    let full = Response::new(Full::new(Bytes::from_static(b"abcdef")));
    assert!(Recorder::start(Wire::Http, &full, 5).is_none());
    for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::PARTIAL_CONTENT] {
        let mut part = plain();
        *part.status_mut() = status;
        assert!(Recorder::start(Wire::Http, &part, 5).is_none(), "{status}");
    }
    let mut failed = Recorder::start(Wire::Http, &plain(), 5).expect("small");
    assert!(failed.end(End::Failed).is_none());
    assert!(failed.end(End::COMPLETE).is_none(), "an end is final");
}

#[test]
fn a_body_that_broke_off_does_not_say_that_it_is_as_long_as_what_came() {
    let came = [
        Ok(Frame::data(Bytes::from_static(b"ab"))),
        Err(std::io::Error::other("reset")),
    ];
    let body = http_body_util::StreamBody::new(futures_util::stream::iter(came));
    let mut ahead = super::ReadAhead::new(body);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(
        ahead.poll_ahead(&mut cx),
        Poll::Ready(Some(Ok(_)))
    ));
    assert!(matches!(
        ahead.poll_ahead(&mut cx),
        Poll::Ready(Some(Err(_)))
    ));
    // A server would send it as a whole answer of that length.
    let hint = ahead.size_hint();
    assert_eq!((hint.lower(), hint.exact()), (2, None));
}

#[test]
fn memory_goes_with_the_frame_that_is_too_much() {
    let mut recorder = Recorder::start(Wire::Http, &with_headers(&[]), 2).expect("small");
    recorder.on_frame(&Bytes::from_static(b"ab"));
    assert!(!recorder.is_over());
    recorder.on_frame(&Bytes::from_static(b"c"));
    assert!(recorder.is_over());
    recorder.on_frame(&Bytes::from_static(b"d"));
    assert!(recorder.end(End::COMPLETE).is_none());
}

#[test]
fn what_belongs_to_one_connection_stays_there() {
    let response = with_headers(&[
        ("connection", "close, X-Hop"),
        ("connection", "x-skip"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("x-hop", "1"),
        ("x-skip", "1"),
        ("etag", "\"1\""),
    ]);
    let answer = record(&response, &[], 0).expect("empty");
    let kept: Vec<_> = answer.headers.keys().collect();
    assert_eq!(kept, [header::ETAG]);
}

#[test]
fn a_request_for_the_head_gets_the_length_and_no_body() {
    let answer = Answer::new(StatusCode::OK, HeaderMap::new(), Bytes::from_static(b"abc"));
    let given: Response<Given> = Arc::new(answer).respond(Wire::HeadOnly);
    assert_eq!(given.headers()[header::CONTENT_LENGTH], "3");
    assert!(given.body().is_end_stream());
    // The answer to such a request says how long the body would be, and has none.
    let head = with_headers(&[("content-length", "3")]);
    let mut recorder = Recorder::start(Wire::HeadOnly, &head, 1).expect("no body");
    let answer = Arc::new(recorder.end(End::COMPLETE).expect("whole"));
    let given: Response<Given> = answer.respond(Wire::HeadOnly);
    assert_eq!(given.headers()[header::CONTENT_LENGTH], "3");
}

#[test]
fn a_refusal_stays_one() {
    let mut response = with_headers(&[]);
    let rejection = Rejection::new(Kind::CircuitOpen, "test", Default::default());
    response.extensions_mut().insert(rejection);
    response.extensions_mut().insert(7u32);
    let answer = Arc::new(record(&response, &[], 0).expect("empty"));
    assert!(answer.rejection.is_some());
    let given: Response<Given> = answer.respond(Wire::Http);
    assert!(Rejection::of(&given).is_some());
    assert!(given.extensions().get::<u32>().is_none(), "another call's");
}

#[test]
fn a_compact_answer_has_memory_of_its_own() {
    let mut recorder = Recorder::start(Wire::Http, &with_headers(&[]), 9).expect("small");
    let buffer = Bytes::from(vec![b'x'; 1000]);
    recorder.on_frame(&buffer.slice(..4));
    recorder.on_frame(&buffer.slice(4..6));
    let answer = recorder.end(End::COMPLETE).expect("whole").compact();
    assert!(buffer.is_unique(), "the rest of the buffer is not kept");
    assert_eq!(answer.len, 6);
    assert!(answer.weight() >= 6);
    assert_eq!(
        frames(Arc::new(answer).respond(Wire::Http).into_body()).len(),
        1
    );
}

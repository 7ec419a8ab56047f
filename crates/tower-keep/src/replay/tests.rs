use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue, Method};
use http_body::{Body as HttpBody, Frame};

use super::{tape::Tape, *};
use crate::BoxError;

#[test]
fn safe_is_what_the_method_a_key_or_somebody_says() {
    let none = (HeaderMap::new(), Extensions::new());
    for (method, safe) in [
        (Method::GET, true),
        (Method::HEAD, true),
        (Method::OPTIONS, true),
        (Method::TRACE, true),
        (Method::PUT, true),
        (Method::DELETE, true),
        (Method::POST, false),
        (Method::PATCH, false),
        (Method::CONNECT, false),
    ] {
        assert_eq!(is_idempotent(&method, &none.0, &none.1), safe, "{method}");
    }
    let key = HeaderMap::from_iter([(
        http::HeaderName::from_static("idempotency-key"),
        HeaderValue::from_static("1"),
    )]);
    assert!(is_idempotent(&Method::POST, &key, &none.1));
    let mut said = Extensions::new();
    said.insert(Retryable);
    assert!(is_idempotent(&Method::POST, &none.0, &said));
}

/// A body of frames of 2000 bytes that is pending before each.
#[derive(Debug)]
struct Slow {
    frames: usize,
    pending: bool,
}

impl HttpBody for Slow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.pending = !self.pending;
        if self.pending {
            return Poll::Pending;
        }
        if self.frames == 0 {
            return Poll::Ready(None);
        }
        self.frames -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![7; 2_000])))))
    }
}

fn slow(frames: usize, cap: usize) -> Arc<Tape<Slow>> {
    let body = Slow {
        frames,
        pending: false,
    };
    Arc::new(Tape::new(body, cap))
}

/// All that a body gives, in bytes, asking again whenever it is pending.
fn read(body: &mut ReplayBody<Slow>) -> Result<usize, BoxError> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut bytes = 0;
    loop {
        match Pin::new(&mut *body).poll_frame(&mut cx) {
            Poll::Pending => {}
            Poll::Ready(None) => return Ok(bytes),
            Poll::Ready(Some(frame)) => bytes += frame?.into_data().map_or(0, |data| data.len()),
        }
    }
}

#[test]
fn the_process_keeps_no_more_than_it_may_and_frees_it_with_the_call() {
    let limit = replay_memory().limit;
    set_replay_memory_limit(5_000);
    let [small, large] = [slow(2, 64_000), slow(3, 64_000)];
    assert_eq!(read(&mut ReplayBody::of(&small)).unwrap(), 4_000);
    let used = replay_memory().used;
    assert!((4_000..5_000).contains(&used), "{used}");
    assert_eq!(
        read(&mut ReplayBody::of(&large)).unwrap(),
        6_000,
        "it streams on"
    );
    assert_eq!(large.rewind(true), Err(Skip::ReplayMemoryFull));
    assert_eq!(small.rewind(true), Ok(()));
    assert_eq!(read(&mut ReplayBody::of(&small)).unwrap(), 4_000);
    drop((small, large));
    assert_eq!(replay_memory().used, 0);
    set_replay_memory_limit(limit);

    let committed = slow(3, 64_000);
    let mut body = ReplayBody::of(&committed);
    committed.commit();
    assert_eq!(read(&mut body).unwrap(), 6_000);
    assert_eq!(
        replay_memory().used,
        0,
        "nothing is kept once no retry can come"
    );
}

#[test]
fn an_attempt_that_is_over_gives_nothing_and_takes_nothing_away() {
    let tape = slow(2, 64_000);
    let mut first = ReplayBody::of(&tape);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..2 {
        let _ = Pin::new(&mut first).poll_frame(&mut cx);
    }
    assert_eq!(
        tape.rewind(true),
        Err(Skip::BodyUnfinished),
        "the upload still runs"
    );
    assert_eq!(tape.rewind(false), Ok(()));
    let error = read(&mut first).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&ReplayError::Superseded));
    let mut second = ReplayBody::of(&tape);
    drop(first);
    assert_eq!(
        tape.rewind(true),
        Err(Skip::BodyUnfinished),
        "another one's drop does not count"
    );
    assert_eq!(read(&mut second).unwrap(), 4_000);
    assert_eq!(tape.rewind(true), Ok(()));
}

#[test]
fn a_body_that_panics_leaves_an_error_and_not_a_hang() {
    struct Panics;
    impl HttpBody for Panics {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            panic!("in the body")
        }
    }
    let tape = Arc::new(Tape::new(Panics, 64_000));
    let mut body = ReplayBody::of(&tape);
    let mut cx = Context::from_waker(Waker::noop());
    let poll = std::panic::AssertUnwindSafe(|| Pin::new(&mut body).poll_frame(&mut cx).is_ready());
    assert!(std::panic::catch_unwind(poll).is_err());
    assert_eq!(tape.rewind(false), Err(Skip::BodyFailed));
}

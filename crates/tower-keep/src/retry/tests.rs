use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;

use http::{Extensions, HeaderMap, HeaderValue, Method};
use http_body::{Body as HttpBody, Frame};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    request,
    state::{self, Failed},
    tape::Tape,
    *,
};
use crate::{
    BoxError,
    backoff::{Backoff, Jitter},
    classify::{Retry as May, Verdict},
    common::clock,
    config::ConfigError,
    context::Deadline,
};

const MS: Duration = Duration::from_millis(1);

#[test]
fn the_wait_is_the_backoff_on_top_of_what_the_service_asked_for() {
    let config = RetryConfig {
        backoff: Backoff {
            jitter: Jitter::Full,
            ..Backoff::default()
        },
        ..RetryConfig::default()
    };
    let seconds = |s| Some(Duration::from_secs(s));
    for (asked, attempt, chance, wanted) in [
        (None, 1, 0.0, Ok(0)),
        (None, 1, 1.0, Ok(100)),
        (None, 2, 0.5, Ok(100)),
        (None, 3, 0.5, Err(Skip::MaxAttempts)),
        (seconds(2), 1, 0.0, Ok(2_000)),
        (seconds(2), 1, 1.0, Ok(2_100)),
        (seconds(30), 1, 0.0, Ok(30_000)),
        (seconds(31), 1, 0.0, Err(Skip::RetryAfterTooLong)),
        (seconds(31), 3, 0.0, Err(Skip::MaxAttempts)),
    ] {
        let wait = state::wait(&config, asked, attempt, 3, chance);
        assert_eq!(
            wait.map(|w| w.as_millis()),
            wanted,
            "{asked:?} {attempt} {chance}"
        );
    }
}

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
        assert_eq!(
            request::is_idempotent(&method, &none.0, &none.1),
            safe,
            "{method}"
        );
    }
    let key = HeaderMap::from_iter([(
        http::HeaderName::from_static("idempotency-key"),
        HeaderValue::from_static("1"),
    )]);
    assert!(request::is_idempotent(&Method::POST, &key, &none.1));
    let mut said = Extensions::new();
    said.insert(Retryable);
    assert!(request::is_idempotent(&Method::POST, &none.0, &said));
}

#[test]
fn a_refusal_of_ours_and_a_success_are_not_up_for_decision() {
    assert!(!Failed::is_open(&Verdict::ignored().retry(May::Always)));
    assert!(!Failed::is_open(&Verdict::success()));
    assert!(Failed::is_open(
        &Verdict::success().retry(May::IfIdempotent)
    ));
    assert!(Failed::is_open(&Verdict::failure()));
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_field() {
    let field = |config| {
        RetryLayer::from_config(config)
            .map_err(|error: ConfigError| error.field())
            .unwrap_err()
    };
    let good = RetryConfig::default();
    assert_eq!(
        field(RetryConfig {
            max_attempts: 0,
            ..good
        }),
        "max_attempts"
    );
    assert_eq!(
        field(RetryConfig {
            max_retry_after: Duration::from_secs(300),
            ..good
        }),
        "max_retry_after"
    );
    let ratio = BudgetConfig {
        ratio: f64::NAN,
        ..BudgetConfig::default()
    };
    assert_eq!(
        field(RetryConfig {
            budget: ratio,
            ..good
        }),
        "budget.ratio"
    );
    for good in [good, RetryConfig::interactive(), RetryConfig::background()] {
        assert!(RetryLayer::from_config(good).is_ok());
    }
}

/// A service that fails at once and always.
#[derive(Clone)]
struct Down;

impl Service<u64> for Down {
    type Response = u64;
    type Error = BoxError;
    type Future = std::future::Ready<Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        std::future::ready(Err(format!("down for {request}").into()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_start_after_the_deadline_is_not_waited_for() {
    let config = RetryConfig {
        backoff: Backoff {
            jitter: Jitter::None,
            ..Backoff::default()
        },
        ..RetryConfig::default()
    };
    // Waits of 100 ms and 200 ms, so that attempt 2 is at 100 ms and attempt 3 would be at 300 ms.
    for (left, retries, took) in [
        (100 * MS, 0, Duration::ZERO),
        (101 * MS, 1, 100 * MS),
        (301 * MS, 2, 300 * MS),
    ] {
        let layer = RetryLayer::from_config(config).unwrap().plain();
        let handle = layer.handle();
        let start = clock::now();
        let deadline = Deadline::after(left);
        let answer = deadline.scope(layer.layer(Down).call(1)).await;
        assert_eq!(answer.unwrap_err().to_string(), "down for 1");
        assert_eq!(start.elapsed(), took);
        let snapshot = handle.snapshot();
        assert_eq!(snapshot.retries, retries);
        assert_eq!(snapshot.skipped.contains_key(&Skip::Deadline), retries < 2);
    }
}

#[test]
fn a_layer_and_its_handle_can_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync + std::fmt::Debug + 'static>(_: T) {}
    let layer = RetryLayer::default();
    anywhere(layer.handle());
    anywhere(layer.layer(Arc::new(())));
    anywhere(layer);
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

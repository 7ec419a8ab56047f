//! Calls without an executor in the way: a waker that does nothing, inside a runtime's context.

use std::{
    hint::black_box,
    ops::AddAssign,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response};
use tokio::runtime::{Builder, Runtime};
use tower_service::Service;

use crate::Empty;

/// How many calls went well, were refused or failed, and had no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Answered.
    pub good: u64,
    /// Refused, or failed.
    pub bad: u64,
    /// Not ready, or not answered by the second poll.
    pub pending: u64,
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
        self.pending += other.pending;
    }
}

/// An answer that may be a refusal.
pub trait Answer {
    /// Whether it is none.
    fn is_good(&self) -> bool;
}

impl Answer for u64 {
    #[inline]
    fn is_good(&self) -> bool {
        true
    }
}

impl<B> Answer for Response<B> {
    #[inline]
    fn is_good(&self) -> bool {
        self.status().is_success()
    }
}

/// Makes `calls` calls, one after the other: ready, call, answer, drop.
pub fn drive<S, Req>(service: &mut S, calls: u64, request: impl Fn(u64) -> Req) -> Outcome
where
    S: Service<Req, Response: Answer>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut outcome = Outcome::default();
    for n in 0..calls {
        match service.poll_ready(&mut cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                drop(black_box(error));
                outcome.bad += 1;
                continue;
            }
            Poll::Pending => {
                outcome.pending += 1;
                continue;
            }
        }
        let mut future = pin!(service.call(request(black_box(n))));
        let mut answer = future.as_mut().poll(&mut cx);
        if answer.is_pending() {
            answer = future.as_mut().poll(&mut cx);
        }
        match black_box(answer) {
            Poll::Ready(Ok(response)) if response.is_good() => outcome.good += 1,
            Poll::Ready(_) => outcome.bad += 1,
            Poll::Pending => outcome.pending += 1,
        }
    }
    outcome
}

/// The smallest request.
#[must_use]
pub fn get(_: u64) -> Request<Empty> {
    Request::new(Empty::new())
}

/// A runtime to enter, with a timer in its wheel.
///
/// A first timer wakes the driver of an idle runtime by a system call. A busy server has always one,
/// so it is not the layers' to pay. The driver is never run again, so every later timer finds it
/// there.
///
/// # Panics
///
/// If the system gives no runtime.
#[must_use]
pub fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without sockets needs nothing");
    runtime.spawn(async { tokio::time::sleep(Duration::from_millis(20)).await });
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(2)).await });
    runtime
}

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;
use tokio::time::Sleep;

use super::{
    BodyTimer,
    arrival::Allowance,
    shared::{Acting, Shared},
    state::exceeded,
    timer::poll_due,
};
use crate::{
    common::cancel::{self, Reason},
    protocol::{Protocol, Wire},
    rejection::{Kind, Phase},
};

/// The answer of a [`Timeout`](super::Timeout).
///
/// At the deadline it drops the call and answers in its place. Dropping it drops the call.
#[pin_project]
pub struct ResponseFuture<F, P> {
    /// Gone once its time is up.
    #[pin]
    inner: Option<F>,
    /// Made when the call first has to wait.
    #[pin]
    timer: Option<Sleep>,
    allowance: Allowance,
    /// Gone once the answer is given.
    shared: Option<Arc<Shared>>,
    protocol: P,
    wire: Wire,
}

impl<F, P> ResponseFuture<F, P> {
    /// A call; `None` if it came too late to be made.
    #[inline]
    pub(super) fn new(
        call: Option<(F, Allowance)>,
        shared: Arc<Shared>,
        protocol: P,
        wire: Wire,
    ) -> Self {
        let (inner, allowance) = match call {
            Some((inner, allowance)) => (Some(inner), allowance),
            None => (None, Allowance::NONE),
        };
        Self {
            inner,
            timer: None,
            allowance,
            shared: Some(shared),
            protocol,
            wire,
        }
    }
}

impl<F, P, Res, Err> Future for ResponseFuture<F, P>
where
    F: Future<Output = Result<Res, Err>>,
    P: Protocol<Res, Err>,
{
    type Output = Result<P::Response<BodyTimer>, Err>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (kind, by_caller) = match this.inner.as_mut().as_pin_mut() {
            None => (Kind::DeadlineExpired, false),
            // The call is asked before the timer: an answer that is there is delivered.
            Some(inner) => match this.allowance.within(|| inner.poll(cx)) {
                Poll::Ready(outcome) => {
                    // Two calls, so that the one without a body moves no timer about.
                    return Poll::Ready(match this.wire {
                        Wire::Plain => this.protocol.hold(outcome, BodyTimer::none()),
                        Wire::Grpc | Wire::HeadOnly | Wire::Http => {
                            let shared = this.shared.take().expect("polled after completion");
                            let timer = BodyTimer::new(*this.allowance, shared);
                            this.protocol.hold(outcome, timer)
                        }
                    });
                }
                Poll::Pending => {
                    let Some((started, end)) = this.allowance.due() else {
                        return Poll::Pending;
                    };
                    ready!(poll_due(this.timer, end, cx));
                    if this.allowance.acting == Acting::InWords {
                        *this.allowance = Allowance::NONE;
                        let shared = this.shared.as_ref().expect("polled after completion");
                        shared.would_refuse(exceeded(Phase::Head, started, end));
                        return Poll::Pending;
                    }
                    let by_caller = this.allowance.head.is_callers();
                    cancel::because(Reason::of_deadline(by_caller), || this.inner.set(None));
                    (exceeded(Phase::Head, started, end), by_caller)
                }
            },
        };
        let shared = this.shared.take().expect("polled after completion");
        let rejection = shared.refuse(kind).of_caller(by_caller);
        Poll::Ready(this.protocol.reject(*this.wire, rejection))
    }
}

impl<F, P> fmt::Debug for ResponseFuture<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("allowance", &self.allowance)
            .finish_non_exhaustive()
    }
}

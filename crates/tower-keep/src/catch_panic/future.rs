use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project::pin_project;

use super::{PanicGuard, shared::Shared};
use crate::{
    protocol::{Protocol, Wire},
    rejection::Rejection,
};

/// The answer of a [`CatchPanic`](super::CatchPanic).
#[pin_project]
pub struct ResponseFuture<F, P> {
    #[pin]
    state: State<F>,
    shared: Arc<Shared>,
    protocol: P,
    wire: Wire,
}

#[pin_project(project = Projected)]
enum State<F> {
    Calling(#[pin] F),
    /// It panicked before there was a future.
    Panicked(Option<Rejection>),
    Done,
}

impl<F, P> ResponseFuture<F, P> {
    #[inline]
    pub(super) fn new(
        call: impl FnOnce() -> F,
        shared: Arc<Shared>,
        protocol: P,
        wire: Wire,
    ) -> Self {
        let mut state = State::Done;
        if let Err(rejection) = shared.catch(|| state = State::Calling(call())) {
            state = State::Panicked(Some(rejection));
        }
        Self {
            state,
            shared,
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
    type Output = Result<P::Response<PanicGuard>, Err>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let rejection = match this.state.as_mut().project() {
            Projected::Calling(future) => {
                let mut polled = Poll::Pending;
                if let Err(rejection) = this.shared.catch(|| polled = future.poll(cx)) {
                    // What is left of it may panic when it is dropped, too.
                    let _ = this.shared.catch(|| this.state.set(State::Done));
                    rejection
                } else {
                    let guard = || PanicGuard(this.shared.clone());
                    return polled.map(|outcome| this.protocol.hold_by(outcome, guard));
                }
            }
            Projected::Panicked(rejection) => rejection.take().expect("polled after completion"),
            Projected::Done => panic!("polled after completion"),
        };
        Poll::Ready(this.protocol.reject(*this.wire, rejection))
    }
}

impl<F, P> fmt::Debug for ResponseFuture<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

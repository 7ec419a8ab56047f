//! How the checks wait, call and complain.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::subject::Subject;
use crate::{
    Driven,
    common::{PATIENCE, panic_text},
};

/// One running check: its name stands in front of everything it complains about.
#[derive(Clone, Copy)]
pub(super) struct Check(pub(super) &'static str);

impl Check {
    #[track_caller]
    pub(super) fn fail(self, what: &str) -> ! {
        panic!("contract `{}`: {what}", self.0)
    }

    /// Waits for something that happens at once in a layer that works.
    pub(super) async fn within<T>(self, what: &str, future: impl Future<Output = T>) -> T {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => self.fail(&format!("{what}: nothing came for an hour")),
        }
    }

    /// Makes the service ready.
    pub(super) async fn ready<W, S: Subject<W>>(self, when: &str, service: &mut S) {
        let what = format!("{when}: waiting for `poll_ready`");
        self.within(&what, poll_fn(|cx| service.prepare(cx))).await;
    }

    /// Makes one call on a clone and takes it to its end, which must be a success.
    pub(super) async fn call<W, S: Subject<W>>(self, when: &str, service: &S) {
        let mut service = service.clone();
        self.ready(when, &mut service).await;
        let what = format!("{when}: a further call");
        let reply = self.within(&what, service.start(false)).await;
        if let Err(why) = self.within(&what, S::finish(reply)).await {
            self.fail(&format!("{when}: a further call must succeed, but {why}"));
        }
    }

    /// The layer must be at rest, and serve a further call.
    pub(super) async fn rest<W, S: Subject<W>>(
        self,
        when: &str,
        service: &S,
        quiescent: &impl Fn(),
    ) {
        self.quiet(when, quiescent).await;
        self.call(when, service).await;
        self.quiet(when, quiescent).await;
    }

    async fn quiet(self, when: &str, quiescent: &impl Fn()) {
        settle().await;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(quiescent)) {
            let why = panic_text(&*panic);
            self.fail(&format!("{when}: the layer is not at rest: {why}"));
        }
    }
}

/// Lets what other tasks have to do be done.
pub(super) async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

/// Polls up to `polls` times, each time when woken; `Some` when the future has completed.
pub(super) async fn advance<F: Future>(
    check: Check,
    when: &str,
    driven: &mut Driven<F>,
    polls: usize,
) -> Option<F::Output> {
    let target = driven.polls() + polls;
    let stepped = poll_fn(|cx| {
        if driven.polls() == target {
            return std::task::Poll::Ready(None);
        }
        driven.wake_also(cx.waker());
        let polled = driven.poll().map(Some);
        if polled.is_pending() && driven.polls() == target {
            return std::task::Poll::Ready(None);
        }
        polled
    });
    check.within(when, stepped).await
}

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project::pin_project;
use tokio::time::Instant;

use crate::common::{
    clock,
    until::{self, Until},
};

/// When an answer stops being of use.
///
/// As an extension of a request it shortens the time that a timeout layer gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline at this moment.
    #[must_use]
    pub const fn at(moment: Instant) -> Self {
        Self(moment)
    }

    /// A deadline this long from now; a year at the most.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(clock::now() + time.min(clock::YEAR))
    }

    /// The moment.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// How much is left; zero once it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(clock::now())
    }

    /// Whether it has passed.
    #[must_use]
    pub fn is_past(self) -> bool {
        self.0 <= clock::now()
    }

    /// A future like `work`, in which [`deadline`] answers this one, or the one outside if that is
    /// earlier.
    ///
    /// It only tells: it does not end `work`. The timeout layers of the calls inside do that. It is
    /// the way to give a deadline to a task that is spawned, and to a call that is not HTTP.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_keep::context::{Deadline, deadline};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let soon = Deadline::after(Duration::from_secs(1));
    /// let seen = soon.scope(async { deadline() }).await;
    /// assert_eq!(seen, Some(soon));
    /// # }
    /// ```
    pub fn scope<F: Future>(self, work: F) -> WithDeadline<F> {
        WithDeadline {
            until: Until::fixed(self.0),
            work,
        }
    }
}

/// The deadline of the call that this task works on, if a timeout layer is outside.
#[must_use]
pub fn deadline() -> Option<Deadline> {
    until::current_moment().map(Deadline)
}

/// A future that works towards a deadline; see [`Deadline::scope`].
#[pin_project]
#[derive(Clone, Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WithDeadline<F> {
    until: Until,
    #[pin]
    work: F,
}

impl<F: Future> Future for WithDeadline<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        until::within(this.until, || this.work.poll(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_inner_deadline_can_only_be_earlier() {
        let [soon, late] = [1, 5].map(|s| Deadline::after(Duration::from_secs(s)));
        assert_eq!(deadline(), None);
        soon.scope(async {
            late.scope(async { assert_eq!(deadline(), Some(soon)) })
                .await;
            tokio::task::yield_now().await;
            assert_eq!(
                deadline().map(Deadline::remaining),
                Some(Duration::from_secs(1))
            );
        })
        .await;
        assert_eq!(deadline(), None);
    }
}

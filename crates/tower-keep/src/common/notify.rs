//! tokio's `Notify`, as far as it is used here, and what stands in for it in a model.

#[cfg(all(test, keep_loom))]
pub(crate) use self::modelled::{Notify, OwnedNotified};
#[cfg(not(all(test, keep_loom)))]
pub(crate) use tokio::sync::{Notify, futures::OwnedNotified};

/// loom does not see into tokio's, and so not either that whoever is woken sees what was done before.
#[cfg(all(test, keep_loom))]
mod modelled {
    use std::{
        mem,
        pin::Pin,
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    use crate::common::sync::{self, Mutex};

    #[derive(Debug, Default)]
    pub(crate) struct Notify(Mutex<State>);

    #[derive(Debug, Default)]
    struct State {
        times: u64,
        waiting: Vec<Waker>,
    }

    impl Notify {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn notify_waiters(&self) {
            let mut state = sync::lock(&self.0);
            state.times += 1;
            let waiting = mem::take(&mut state.waiting);
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
        }

        /// Hears every notice from here on, polled or not.
        pub(crate) fn notified(&self) -> Notified<'_> {
            Notified(self, sync::lock(&self.0).times)
        }

        pub(crate) fn notified_owned(self: Arc<Self>) -> OwnedNotified {
            let times = sync::lock(&self.0).times;
            OwnedNotified(self, times)
        }

        fn poll(&self, since: u64, cx: &Context<'_>) -> Poll<()> {
            let mut state = sync::lock(&self.0);
            if state.times != since {
                return Poll::Ready(());
            }
            state.waiting.push(cx.waker().clone());
            Poll::Pending
        }
    }

    pub(crate) struct Notified<'a>(&'a Notify, u64);

    impl Future for Notified<'_> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            self.0.poll(self.1, cx)
        }
    }

    pub(crate) struct OwnedNotified(Arc<Notify>, u64);

    impl OwnedNotified {
        pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
            sync::lock(&self.0.0).times != self.1
        }
    }

    impl Future for OwnedNotified {
        type Output = ();

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            self.0.poll(self.1, cx)
        }
    }
}

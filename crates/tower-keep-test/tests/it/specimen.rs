//! A bulkhead of one that can be broken on request.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        // Tests of one thread: any ordering does.
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use pin_project::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// What is wrong with a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    CallsAnUnreadyClone,
    ReservesInPollReady,
    LeaksOnDrop,
    Spins,
    LosesTheWaker,
    KeepsTheWaker,
    Allocates,
    MintsState,
}

/// Counts calls and what is in flight.
#[derive(Clone)]
pub(crate) struct Specimen {
    flaw: Flaw,
    state: Arc<State>,
}

#[derive(Default)]
pub(crate) struct State {
    in_flight: AtomicUsize,
    seen: AtomicUsize,
    reserved: AtomicUsize,
}

impl Specimen {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            state: Arc::default(),
        }
    }

    pub(crate) fn at_rest(&self) {
        let in_flight = self.state.in_flight.load(SeqCst);
        assert_eq!(in_flight, 0, "calls in flight");
    }

    pub(crate) fn seen(&self) -> usize {
        self.state.seen.load(SeqCst)
    }
}

impl<S> Layer<S> for Specimen {
    type Service = SpecimenService<S>;

    fn layer(&self, inner: S) -> SpecimenService<S> {
        SpecimenService {
            inner,
            flaw: self.flaw,
            reserved: false,
            state: match self.flaw {
                Flaw::MintsState => Arc::default(),
                _ => Arc::clone(&self.state),
            },
        }
    }
}

pub(crate) struct SpecimenService<S> {
    inner: S,
    flaw: Flaw,
    reserved: bool,
    state: Arc<State>,
}

impl<S: Clone> Clone for SpecimenService<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            flaw: self.flaw,
            reserved: false,
            state: Arc::clone(&self.state),
        }
    }
}

impl<S, Req> Service<Req> for SpecimenService<S>
where
    S: Service<Req> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = SpecimenFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.flaw == Flaw::ReservesInPollReady && !self.reserved {
            if self.state.reserved.load(SeqCst) == 1 {
                return Poll::Pending;
            }
            self.state.reserved.store(1, SeqCst);
            self.reserved = true;
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        if std::mem::take(&mut self.reserved) {
            self.state.reserved.store(0, SeqCst);
        }
        if self.flaw == Flaw::Allocates {
            drop(std::hint::black_box(Box::new(7)));
        }
        self.state.seen.fetch_add(1, SeqCst);
        let permit = Permit::new(&self.state, self.flaw);
        let inner = match self.flaw {
            Flaw::CallsAnUnreadyClone => self.inner.clone().call(req),
            _ => self.inner.call(req),
        };
        SpecimenFuture {
            inner,
            flaw: self.flaw,
            permit: Some(permit),
            kept: None,
        }
    }
}

struct Permit {
    state: Arc<State>,
    leaks: bool,
}

impl Permit {
    fn new(state: &Arc<State>, flaw: Flaw) -> Self {
        state.in_flight.fetch_add(1, SeqCst);
        Self {
            state: Arc::clone(state),
            leaks: flaw == Flaw::LeaksOnDrop,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.leaks {
            self.state.in_flight.fetch_sub(1, SeqCst);
        }
    }
}

#[pin_project]
pub(crate) struct SpecimenFuture<F> {
    #[pin]
    inner: F,
    flaw: Flaw,
    permit: Option<Permit>,
    kept: Option<Waker>,
}

impl<F: Future> Future for SpecimenFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = match this.flaw {
            Flaw::KeepsTheWaker => {
                *this.kept = Some(cx.waker().clone());
                this.inner.poll(&mut Context::from_waker(Waker::noop()))
            }
            Flaw::LosesTheWaker => this.inner.poll(&mut Context::from_waker(Waker::noop())),
            _ => this.inner.poll(cx),
        };
        if polled.is_ready() {
            if let Some(mut permit) = this.permit.take() {
                permit.leaks = false;
            }
        } else if *this.flaw == Flaw::Spins {
            cx.waker().wake_by_ref();
        }
        polled
    }
}

/// The check must panic, and say this.
pub(crate) async fn fails(check: impl Future<Output = ()>, text: &str) {
    let mut check = Box::pin(check);
    let caught = std::future::poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| check.as_mut().poll(cx))) {
            Ok(polled) => polled.map(|()| None),
            Err(panic) => Poll::Ready(Some(panic)),
        }
    })
    .await
    .unwrap_or_else(|| panic!("the check passes, but should say: {text}"));
    let said = caught
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| caught.downcast_ref::<&str>().copied())
        .expect("a panic of the kit has a text");
    assert!(said.contains(text), "it says `{said}` instead of `{text}`");
}

//! A hand-driven executor that sees every poll and every wake.

use std::{
    fmt, future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::common::{PATIENCE, lock};

/// How often a [`Driven`] future may be polled unless [`Driven::at_most`] says otherwise.
const DEFAULT_BOUND: usize = 1000;

/// A future that is polled only when it was woken, as an executor does, with every poll and wake
/// counted.
///
/// It finds the two ways in which a hand-written future goes wrong without failing a test:
///
/// - a **lost wake-up**: it returns `Pending`, was not woken meanwhile and nobody keeps its waker,
///   so no executor would ever poll it again;
/// - **spinning**: it wakes itself over and over instead of waiting.
///
/// Both panic. Dropping a `Driven` drops the future where it stands.
///
/// ```
/// use std::task::Poll;
/// use tower_keep_test::Driven;
///
/// let (tell, told) = tokio::sync::oneshot::channel();
/// let mut waiting = Driven::new(told);
/// assert_eq!(waiting.poll(), Poll::Pending);
/// assert!(!waiting.is_woken());
/// tell.send(7).unwrap();
/// assert!(waiting.is_woken());
/// assert_eq!(waiting.poll(), Poll::Ready(Ok(7)));
/// assert_eq!(waiting.polls(), 2);
/// ```
pub struct Driven<F> {
    future: Pin<Box<F>>,
    wakes: Arc<Wakes>,
    polls: usize,
    bound: usize,
}

impl<F: Future> Driven<F> {
    /// Takes a future over. It counts as woken, as a freshly spawned task does.
    pub fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            wakes: Arc::new(Wakes {
                woken: AtomicBool::new(true),
                count: AtomicUsize::new(0),
                outer: Mutex::new(None),
            }),
            polls: 0,
            bound: DEFAULT_BOUND,
        }
    }

    /// Bounds the number of polls. The default is 1000.
    #[must_use]
    pub fn at_most(mut self, polls: usize) -> Self {
        self.bound = polls;
        self
    }

    /// Polls the future once if it was woken since the last poll; else returns `Pending` and
    /// leaves it alone.
    ///
    /// # Panics
    ///
    /// If the wake-up was lost, or if the bound of polls is passed.
    pub fn poll(&mut self) -> Poll<F::Output> {
        // Pairs with the Release in `wake_by_ref`: what happened before the wake is seen here.
        if !self.wakes.woken.swap(false, AcqRel) {
            return Poll::Pending;
        }
        self.polls += 1;
        assert!(
            self.polls <= self.bound,
            "spinning: polled {} times without completing (it was woken {} times)",
            self.bound,
            self.wakes(),
        );
        let waker = Waker::from(Arc::clone(&self.wakes));
        let polled = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        drop(waker);
        // The count is read before the flag: a clone that wakes and goes in between is still seen.
        if polled.is_pending() && Arc::strong_count(&self.wakes) == 1 {
            assert!(
                self.is_woken(),
                "lost wake-up: pending after poll {}, not woken and nobody keeps the waker, so it \
                 would never be polled again",
                self.polls,
            );
        }
        polled
    }

    /// Drives the future to its end from within a tokio task. Timers work; under paused time the
    /// clock advances when everything is idle.
    ///
    /// # Panics
    ///
    /// As [`Driven::poll`], and if no wake-up arrives for an hour of tokio time.
    pub async fn finish(&mut self) -> F::Output {
        let polled = future::poll_fn(|cx| {
            // Registered before the poll, so that a wake during it arrives at the outer task.
            self.wake_also(cx.waker());
            self.poll()
        });
        let Ok(output) = tokio::time::timeout(PATIENCE, polled).await else {
            panic!(
                "lost wake-up: pending after poll {} and not woken for an hour",
                self.polls
            );
        };
        output
    }
}

impl<F> Driven<F> {
    /// Wakes this task too from now on.
    pub(crate) fn wake_also(&self, waker: &Waker) {
        *lock(&self.wakes.outer) = Some(waker.clone());
    }

    /// How many times the future was polled.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.polls
    }

    /// How many times its waker was used.
    #[must_use]
    pub fn wakes(&self) -> usize {
        self.wakes.count.load(Relaxed)
    }

    /// Whether the next [`Driven::poll`] will really poll.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        // Pairs with the Release in `wake_by_ref`.
        self.wakes.woken.load(Acquire)
    }
}

impl<F> fmt::Debug for Driven<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driven")
            .field("polls", &self.polls)
            .field("wakes", &self.wakes())
            .field("woken", &self.is_woken())
            .finish_non_exhaustive()
    }
}

struct Wakes {
    woken: AtomicBool,
    count: AtomicUsize,
    outer: Mutex<Option<Waker>>,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A tally, ordering nothing.
        self.count.fetch_add(1, Relaxed);
        // Pairs with the Acquire half of the swap in `Driven::poll`.
        self.woken.store(true, Release);
        let outer = lock(&self.outer).clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

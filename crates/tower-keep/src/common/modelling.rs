//! Runs models: a few threads over a lock-free structure, in every order and with every stale read
//! that the orderings allow. Each file `models.rs` has some.

use std::{
    pin::{Pin, pin},
    sync::{Arc, atomic},
    task::{Context, Poll, Wake, Waker},
};

use loom::{model::Builder, thread};

/// A model's run panics where it is wrong, and loom then says which of the runs it was.
///
/// How far it goes is set from outside: `LOOM_MAX_PREEMPTIONS=3` finds nearly everything in seconds;
/// without it every run is tried. `--nocapture` shows how many runs there were.
pub(crate) fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.max_branches = builder.max_branches.max(10_000);
    let runs = Arc::new(atomic::AtomicU64::new(0));
    let counted = runs.clone();
    builder.check(move || {
        counted.fetch_add(1, atomic::Ordering::Relaxed);
        run();
    });
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {} runs", runs.load(atomic::Ordering::Relaxed));
}

/// Starts a thread of a model.
pub(crate) fn spawn<R: 'static>(work: impl FnOnce() -> R + 'static) -> thread::JoinHandle<R> {
    thread::spawn(work)
}

/// Waits for a thread of a model.
pub(crate) fn join<R: 'static>(thread: thread::JoinHandle<R>) -> R {
    thread.join().expect("the thread does not panic")
}

/// Waits for `future`; a wake-up that is lost is a deadlock, which loom reports.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    loom::future::block_on(future)
}

/// Polls `future` once, to give it up or to go on with it.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls `future` once, and drops it if it is not ready: a call that is given up.
pub(crate) fn give_up<F: Future>(future: F) -> Option<F::Output> {
    match poll_once(pin!(future)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A waker that counts.
pub(crate) struct Woken(super::atomic::AtomicUsize);

impl Woken {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(super::atomic::AtomicUsize::new(0)))
    }

    pub(crate) fn times(&self) -> usize {
        self.0.load(super::atomic::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, super::atomic::SeqCst);
    }
}

//! Runs models: a few threads over a lock-free structure, in every order and with every stale read
//! that the orderings allow. Each file `models.rs` has some.

use std::{
    pin::pin,
    sync::{Arc, atomic},
    task::{Context, Poll, Wake, Waker},
};

use loom::{model::Builder, sync::Notify, thread};
use tokio::runtime::EnterGuard;

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

/// Runs `work` where there is room for a large structure: a model's threads have 32 kB of stack.
pub(crate) fn with_room<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(work);
    join(thread.expect("there is memory"))
}

/// Waits for a thread of a model.
pub(crate) fn join<R: 'static>(thread: thread::JoinHandle<R>) -> R {
    thread.join().expect("the thread does not panic")
}

/// Waits for threads that have nothing to say.
pub(crate) fn join_all<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
    threads.into_iter().for_each(join);
}

/// Waits for `future`; a wake-up that is lost is a deadlock, which loom reports.
///
/// Not loom's own: its waker is a step when it is cloned, and tokio clones wakers in a lock of its own,
/// which all threads of a model would then wait for.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let alarm = Arc::new(Alarm(Notify::new()));
    let waker = Waker::from(alarm.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        alarm.0.wait();
    }
}

struct Alarm(Notify);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Two changes at once, and what has to hold afterwards whichever of them came last.
pub(crate) fn two_at_once<S: 'static>(
    make: impl Fn() -> Arc<S> + Send + Sync + 'static,
    changes: [fn(&S); 2],
    holds: fn(&S),
) {
    model(move || {
        let state = make();
        let other = state.clone();
        let other = spawn(move || changes[1](&other));
        changes[0](&state);
        join(other);
        holds(&state);
    });
}

/// What tokio's timers need to be made, and a clock that stands still. No timer ever goes off: a model
/// has no time.
///
/// Leaked, as it is entered for as long as the test lasts, and one for each test: a run that goes wrong
/// leaves its timers behind.
pub(crate) fn timers() -> EnterGuard<'static> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    let runtime = Box::new(runtime.expect("timers need nothing of the system"));
    Box::leak(runtime).enter()
}

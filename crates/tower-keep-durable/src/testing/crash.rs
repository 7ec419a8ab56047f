use std::{
    backtrace::{Backtrace, BacktraceStatus},
    env,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

static PASSED: AtomicU64 = AtomicU64::new(0);
static CRASH_AT: LazyLock<Option<u64>> =
    LazyLock::new(|| env::var("KEEP_CRASH_AT").ok()?.parse().ok());

/// A place at which the process can die: it is killed (`SIGKILL`) at the n-th that it comes by if the
/// environment says `KEEP_CRASH_AT=n`. Nothing is unwound, flushed or told. What it wrote on stderr last
/// is `crash point n: name`, and with `RUST_BACKTRACE=1` the way there.
///
/// With the feature `testing` there is one before and one after whatever this crate commits that a
/// story needs: each [`Tx::commit`](crate::Tx::commit), so each transaction of a handler, of a step and of the
/// [table bus](crate::bus::table), and the statements that are a transaction of their own: a saga that is
/// claimed or given back, events that are marked as sent or set aside, what becomes of an attempt or of a
/// dead letter, a key that is freed. There is one after a lease of a relay is taken. What goes on
/// without a story has none: the renewal of leases, looks, and the deletion of what is old.
///
/// Call it where a program has effects of its own, such as around a call of a peer. A sweep starts the
/// program with n = 1, 2, 3, until it is not killed any more, starts it again after each death, and then
/// looks whether all is as if nothing had happened.
pub fn crash_point(name: &str) {
    let number = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    if *CRASH_AT == Some(number) {
        eprintln!("crash point {number}: {name}");
        let way = Backtrace::capture();
        if way.status() == BacktraceStatus::Captured {
            eprintln!("{way}");
        }
        die();
    }
}

#[cfg(unix)]
fn die() -> ! {
    use rustix::process::{Signal, getpid, kill_process};

    // Cannot fail: a process may kill itself.
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        // Nothing is done between the signal and the end.
        std::thread::park();
    }
}

#[cfg(not(unix))]
fn die() -> ! {
    std::process::abort()
}

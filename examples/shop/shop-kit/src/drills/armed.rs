use std::{
    env,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use rustix::process::{Signal, getpid, kill_process};

static PASSED: AtomicU64 = AtomicU64::new(0);
static CRASH_AT: LazyLock<Option<u64>> =
    LazyLock::new(|| env::var("SHOP_CRASH_AT").ok()?.parse().ok());
static MISTAKE: LazyLock<Option<String>> = LazyLock::new(|| env::var("SHOP_MISTAKE").ok());

pub(super) fn crash_point(name: &str) {
    let number = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    if *CRASH_AT == Some(number) {
        eprintln!("killed at place {number}: {name}");
        // Cannot fail: a process may kill itself.
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            // Nothing is done between the signal and the end.
            thread::park();
        }
    }
}

pub(super) fn makes(mistake: &str) -> bool {
    MISTAKE.as_deref() == Some(mistake)
}

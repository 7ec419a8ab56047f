use std::{
    env, process,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

static PASSED: AtomicU64 = AtomicU64::new(0);
static CRASH_AT: LazyLock<Option<u64>> =
    LazyLock::new(|| env::var("KEEP_CRASH_AT").ok()?.parse().ok());

/// A place at which a process can die: around each commit. The process aborts at the n-th of all if
/// the environment says `KEEP_CRASH_AT=n`; nothing is unwound, flushed or told, as with `kill -9`.
///
/// A sweep runs with n = 1, 2, 3, until the process ends by itself; a run without it says by
/// [`crash_points_passed`] how many there are.
pub fn crash_point(name: &str) {
    let number = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    if *CRASH_AT == Some(number) {
        eprintln!("crash point {number}: {name}");
        process::abort();
    }
}

/// How many points this process has come by.
#[must_use]
pub fn crash_points_passed() -> u64 {
    PASSED.load(Ordering::Relaxed)
}

use std::{
    net::TcpListener,
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
};

/// Below the ports that connections are given, on every usual system: one of those would be free now, and
/// taken when a process that is started, or started again, wants to listen on it.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

static PASSED: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(..COUNT)));

/// A port of the loopback address for a server that a test starts as a process. Nobody listens on it, and
/// this process gives it to nobody else.
#[must_use]
pub fn free_port() -> u16 {
    loop {
        // A number of its own for each; the addition publishes nothing.
        let port = FIRST + PASSED.fetch_add(1, Ordering::Relaxed) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

use std::{fmt, time::Duration};

use super::config::Window;

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cause {
    /// It was made.
    Made,
    InARow(u32),
    FailureRate {
        failed: u64,
        of: u64,
        window: Window,
    },
    SlowRate {
        slow: u64,
        of: u64,
        window: Window,
    },
    /// The time it had to stay open is over.
    Waited(Duration),
    ProbesFailed(Tally),
    ProbesSucceeded(Tally),
    Forced(&'static str),
}

/// How the probes did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) good: usize,
    pub(super) failed: usize,
    pub(super) slow: usize,
    /// Never answered within their lease.
    pub(super) hung: usize,
    /// How many probes were to decide.
    pub(super) of: usize,
}

impl Tally {
    pub(super) fn bad(&self) -> usize {
        self.failed + self.slow + self.hung
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made => f.write_str("new"),
            Self::InARow(1) => f.write_str("1 failure"),
            Self::InARow(n) => write!(f, "{n} failures in a row"),
            Self::FailureRate { failed, of, window } => rate(f, *failed, *of, *window, "failed"),
            Self::SlowRate { slow, of, window } => rate(f, *slow, *of, *window, "were slow"),
            // The clock's nanoseconds tell nobody anything.
            Self::Waited(time) => write!(f, "was open for {time:.1?}"),
            Self::ProbesSucceeded(tally) => {
                write!(f, "{} of {} probes succeeded", tally.good, tally.of)
            }
            Self::ProbesFailed(tally) => failed(f, tally),
            Self::Forced(how) => f.write_str(how),
        }
    }
}

fn rate(f: &mut fmt::Formatter<'_>, part: u64, of: u64, window: Window, what: &str) -> fmt::Result {
    match window {
        Window::Count(_) => write!(f, "{part} of the last {of} calls {what}"),
        Window::Time(time) => write!(f, "{part} of {of} calls {what} in {time:?}"),
    }
}

/// `2 of 3 probes slow`, `1 of 3 probes failed, 1 hung`.
fn failed(f: &mut fmt::Formatter<'_>, tally: &Tally) -> fmt::Result {
    let kinds = [
        (tally.failed, "failed"),
        (tally.slow, "slow"),
        (tally.hung, "hung"),
    ];
    let mut first = true;
    for (n, kind) in kinds.into_iter().filter(|(n, _)| *n > 0) {
        if first {
            let plural = if tally.of == 1 { "" } else { "s" };
            write!(f, "{n} of {} probe{plural} {kind}", tally.of)?;
        } else {
            write!(f, ", {n} {kind}")?;
        }
        first = false;
    }
    Ok(())
}

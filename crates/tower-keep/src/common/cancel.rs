//! Why a call is being dropped, told to the guards that are dropped with it.
//!
//! A future cannot see who drops it. A layer that gives a call up on purpose says so around the
//! drop; drops run on the thread that gives up, so a thread-local is exact, and it costs the
//! admitted path nothing.

use std::cell::Cell;

use super::local::thread_local;

/// Who gave up on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The caller went away, or a layer that is not ours stopped waiting.
    Caller,
    /// A deadline of ours passed.
    Deadline,
    /// Another attempt at the same request was faster. All it says about the service is that this one
    /// takes longer than until now.
    Hedged,
}

impl Reason {
    /// A deadline passed, the caller's own or one of ours.
    pub(crate) const fn of_deadline(by_caller: bool) -> Self {
        if by_caller {
            Self::Caller
        } else {
            Self::Deadline
        }
    }
}

thread_local! {
    static REASON: Cell<Reason> = const { Cell::new(Reason::Caller) };
}

/// Runs `drop`, during which [`reason`] answers `reason`.
pub(crate) fn because<R>(reason: Reason, drop: impl FnOnce() -> R) -> R {
    struct Restore(Reason);
    impl Drop for Restore {
        fn drop(&mut self) {
            REASON.set(self.0);
        }
    }
    let _restore = Restore(REASON.replace(reason));
    drop()
}

/// Why the present drop happens.
pub(crate) fn reason() -> Reason {
    REASON.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_lasts_for_the_drop_and_survives_a_panic_in_it() {
        assert_eq!(because(Reason::Deadline, reason), Reason::Deadline);
        let _ = std::panic::catch_unwind(|| because(Reason::Deadline, || panic!("in drop")));
        assert_eq!(reason(), Reason::Caller);
    }
}

//! Where the attempts of a call went, told from a balancer inside to a retry outside and back.
//!
//! A balancer notes the endpoint that it works on; a layer that makes another attempt takes the
//! note right after the poll in which the last one ended, and says during the next which endpoints
//! to avoid. Both happen in one poll on one thread, so a thread-local is exact, needs no allocation,
//! works with requests that have no extensions, and costs the first attempt nothing. Where something
//! in between moves the call to another task, such as a buffer, there is nothing to avoid.

use std::cell::Cell;

use super::local::thread_local;

/// The endpoints that earlier attempts of a call went to: the last few, the last first. They are
/// known by the lower half of their numbers, which makes no difference before there were 4 billion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried([u32; 4]);

impl Tried {
    pub(crate) const NONE: Self = Self([0; 4]);

    /// Adds the endpoint that was noted last, if there is a note.
    pub(crate) fn add_noted(&mut self) {
        let noted = NOTED.replace(0);
        if noted != 0 && !self.0.contains(&noted) {
            self.0.rotate_right(1);
            self.0[0] = noted;
        }
    }

    #[inline]
    pub(crate) fn contains(&self, id: u64) -> bool {
        self.0.contains(&(id as u32))
    }
}

thread_local! {
    /// The endpoint that a balancer last worked on; 0 is none.
    static NOTED: Cell<u32> = const { Cell::new(0) };
    /// What the call that is being polled should avoid.
    static AVOIDED: Cell<Tried> = const { Cell::new(Tried::NONE) };
}

/// A balancer works on a call to this endpoint; no endpoint has the number 0.
#[inline]
pub(crate) fn note(id: u64) {
    // A thread that is being torn down has nobody who asks.
    let _ = NOTED.try_with(|noted| noted.set(id as u32));
}

/// What the call that is being polled should avoid.
#[inline]
pub(crate) fn avoided() -> Tried {
    AVOIDED.try_with(Cell::get).unwrap_or(Tried::NONE)
}

/// Polls an attempt that should avoid these endpoints.
pub(crate) fn avoiding<R>(tried: Tried, poll: impl FnOnce() -> R) -> R {
    struct Restore(Tried);
    // In a drop, so that a panic leaves nothing behind.
    impl Drop for Restore {
        fn drop(&mut self) {
            AVOIDED.set(self.0);
        }
    }
    let _restore = Restore(AVOIDED.replace(tried));
    poll()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_taken_once_and_avoided_for_one_poll() {
        let mut tried = Tried::NONE;
        tried.add_noted();
        assert!(!tried.contains(7));
        note(7);
        tried.add_noted();
        tried.add_noted();
        assert_eq!(tried.0, [7, 0, 0, 0]);
        assert!(avoiding(tried, || avoided().contains(7)));
        let panics = || avoiding(tried, || panic!("in an attempt"));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert!(!avoided().contains(7));
    }
}

//! What few calls have, kept so that the others pay nothing for it.

use std::pin::Pin;

use pin_project::pin_project;

/// A part of a future that is there in rare states only, such as a timer.
///
/// Compilers put what drops a part into what drops the whole. If that is much, the whole is too long
/// to be put where it is dropped, and each call pays for a part that it never had. So this tells them
/// that it is rarely dropped, and all that they leave in the whole is a call.
#[pin_project]
#[derive(Debug)]
pub(crate) struct Rare<T> {
    /// Before the part, which is dropped after it, where the code is known to be cold.
    seldom: Seldom,
    #[pin]
    part: T,
}

impl<T> Rare<T> {
    pub(crate) const fn new(part: T) -> Self {
        Self {
            seldom: Seldom,
            part,
        }
    }

    #[cfg(any(feature = "fallback", feature = "hedge", feature = "retry"))]
    pub(crate) const fn part(&self) -> &T {
        &self.part
    }

    #[cfg(any(feature = "hedge", feature = "retry"))]
    pub(crate) const fn part_mut(&mut self) -> &mut T {
        &mut self.part
    }

    pub(crate) fn get(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().part
    }
}

#[derive(Debug)]
struct Seldom;

impl Drop for Seldom {
    #[inline]
    fn drop(&mut self) {
        seldom();
    }
}

/// Does nothing, and has to be called for that: whatever is done beside a call to something cold is
/// taken to be cold.
#[cold]
#[inline(never)]
fn seldom() {}

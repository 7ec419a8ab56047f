use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use crate::common::{clock, timer::Timer};

/// Ready at `due`, in the clock's nanoseconds, by a timer that is made when it is first asked.
///
/// When `due` moves on, the timer is left alone until it fires and only then set anew: a stream of
/// many frames does not go to the timer wheel for each.
pub(super) fn poll_due(
    mut slot: Pin<&mut Option<Timer>>,
    due: u64,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let due = clock::from_nanos(due);
    if slot.is_none() {
        slot.set(Some(Timer::at(due)));
    }
    let mut timer = slot.as_pin_mut().expect("made above");
    if due < timer.as_mut().deadline() {
        timer.as_mut().reset(due);
    }
    loop {
        ready!(timer.as_mut().poll_always(cx));
        if due <= timer.as_mut().deadline() {
            return Poll::Ready(());
        }
        timer.as_mut().reset(due);
    }
}

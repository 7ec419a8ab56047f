use std::{
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use tokio::{
    task::unconstrained,
    time::{Sleep, sleep_until},
};

use crate::common::clock::Instant;

/// Ready at `due`, by a timer that is made when it is first asked.
///
/// When `due` moves on, the timer is left alone until it fires and only then set anew: a stream of
/// many frames does not go to the timer wheel for each.
pub(super) fn poll_due(
    mut timer: Pin<&mut Option<Sleep>>,
    due: Instant,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if timer.is_none() {
        timer.set(Some(sleep_until(due)));
    }
    let mut sleep = timer.as_pin_mut().expect("made above");
    if due < sleep.deadline() {
        sleep.as_mut().reset(due);
    }
    loop {
        // Work that uses up its task's budget in every poll must not silence its own timer.
        ready!(pin!(unconstrained(sleep.as_mut())).poll(cx));
        if due <= sleep.deadline() {
            return Poll::Ready(());
        }
        sleep.as_mut().reset(due);
    }
}

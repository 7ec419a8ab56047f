//! No spinning, and no wake-up that gets lost.

use std::{future::poll_fn, task::Poll};

use super::{
    backend::{Backend, Control, Plan},
    drive::{Check, settle},
    subject::{Contracted, Subject},
};
use crate::{Driven, common::panic_text};

/// How often the inner service is slow before it is ready, and again before its head.
const PAUSES: usize = 3;

/// How many polls a layer may take between two steps of the inner service, which allows for a
/// scheduler's courtesy and for a body that is pending, but not for spinning.
const POLLS_A_STEP: usize = 16;

/// A layer over an inner service that is slow to become ready and slow to answer is polled when
/// there is something to do and only then: bounded polls between two steps of the inner service
/// and a wake-up after each.
///
/// # Panics
///
/// With an explanation, if the layer breaks this.
pub async fn wakeups<W, L: Contracted<W>>(_: W, layer: &L) {
    let check = Check("wakeups");
    let (bare, control) = Backend::new(());
    let service = layer.layer(bare);
    control.set(Plan {
        ready_after: PAUSES,
        head_after: PAUSES,
        by_hand: true,
        ..Plan::default()
    });

    let mut clone = service.clone();
    let prepared = poll_fn(|cx| clone.prepare(cx));
    step(check, "`poll_ready`", Driven::new(prepared), &control).await;

    let call = Driven::new(clone.start(false));
    let reply = step(check, "the call", call, &control).await;
    if let Err(why) = L::Service::finish(reply).await {
        check.fail(&format!("the call must succeed, but {why}"));
    }
}

/// Drives a future that waits for the inner service, ending the waits one by one.
async fn step<F: Future>(
    check: Check,
    what: &str,
    driven: Driven<F>,
    control: &Control,
) -> F::Output {
    let mut driven = driven.at_most(usize::MAX);
    // Every pause may be met twice: by a layer that prepares its inner service in the call.
    for pause in 0..=4 * PAUSES {
        let before = driven.polls();
        loop {
            if let Poll::Ready(output) = poll(check, what, &mut driven) {
                return output;
            }
            if !driven.is_woken() {
                settle().await;
            }
            if !driven.is_woken() {
                break;
            }
            if driven.polls() - before >= POLLS_A_STEP {
                check.fail(&format!(
                    "{what} is spinning: polled {POLLS_A_STEP} times while the inner service was \
                     still waiting"
                ));
            }
        }
        control.wake();
        settle().await;
        if !driven.is_woken() {
            check.fail(&format!(
                "{what} has lost a wake-up: the inner service went on (pause {pause}) and the \
                 waiting task was not woken"
            ));
        }
    }
    check.fail(&format!(
        "{what} does not complete although the inner service has"
    ));
}

fn poll<F: Future>(check: Check, what: &str, driven: &mut Driven<F>) -> Poll<F::Output> {
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| driven.poll()));
    polled.unwrap_or_else(|panic| check.fail(&format!("{what}: {}", panic_text(&*panic))))
}

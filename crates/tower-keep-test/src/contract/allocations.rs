//! What the admitted path costs.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::{
    backend::{Backend, Plan},
    drive::Check,
    subject::{Contracted, Subject},
};

/// Calls before counting starts: windows fill, thread-locals and queues are made.
const WARM_UP: usize = 200;

/// Calls that are counted.
const COUNTED: usize = 100;

/// From `poll_ready` to the completed future, an admitted call allocates nothing, or at most
/// `allowed` times, once the layer is warm; also when the inner service is pending once. The
/// bare service below allocates nothing.
///
/// Only with the feature `alloc`, which brings a counting global allocator.
///
/// # Panics
///
/// With an explanation, if the layer breaks this.
pub async fn allocations<W, L: Contracted<W>>(_: W, layer: &L, allowed: u64) {
    let check = Check("allocations");
    let (bare, control) = Backend::new(());
    let service = layer.layer(bare);
    for (head_after, when) in [
        (0, "an inner service that answers at once"),
        (1, "an inner service that is pending once"),
    ] {
        control.set(Plan {
            head_after,
            ..Plan::default()
        });
        for call in 0..WARM_UP + COUNTED {
            let mut clone = service.clone();
            let mut reply = None;
            let counted = allocation_counter::measure(|| reply = attempt(&mut clone));
            let Some(reply) = reply else {
                check.fail(&format!(
                    "over {when} the call does not complete in its task"
                ));
            };
            if let Err(why) = L::Service::finish(reply).await {
                check.fail(&format!("over {when} the call must succeed, but {why}"));
            }
            if call >= WARM_UP && counted.count_total > allowed {
                check.fail(&format!(
                    "over {when} an admitted call allocates {} times ({} bytes) between \
                     `poll_ready` and its response; allowed is {allowed}",
                    counted.count_total, counted.bytes_total,
                ));
            }
            // The polls above bypass the scheduler: this keeps the task within its budget.
            tokio::task::yield_now().await;
        }
    }
}

fn attempt<W, S: Subject<W>>(service: &mut S) -> Option<S::Reply> {
    let mut cx = Context::from_waker(Waker::noop());
    if service.prepare(&mut cx).is_pending() {
        return None;
    }
    let mut call = pin!(service.start(true));
    for _ in 0..4 {
        if let Poll::Ready(reply) = call.as_mut().poll(&mut cx) {
            return Some(reply);
        }
    }
    None
}

//! An inner service that panics.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};

use super::{
    backend::{Backend, Panics, Plan},
    drive::Check,
    subject::{Contracted, Subject},
};
use crate::body::Frames;

/// The inner service panics in `call`, in its future, and (over HTTP) in its body. Whether the
/// panic is passed on or answered is the layer's business; afterwards it must be at rest and serve
/// a further call.
///
/// # Panics
///
/// With an explanation, if the layer breaks this.
pub async fn panics<W, L: Contracted<W>>(_: W, layer: &L, quiescent: impl Fn()) {
    let check = Check("panics");
    let (bare, control) = Backend::new(());
    let service = layer.layer(bare);
    let plans = [
        ("in `call`", Some(Panics::InCall), Frames::new()),
        ("in its future", Some(Panics::InFuture), Frames::new()),
        ("in its body", None, Frames::new().data("half").panic()),
    ];
    for (place, panics, body) in plans {
        control.set(Plan {
            head_after: 1,
            panics,
            body,
            ..Plan::default()
        });
        let mut clone = service.clone();
        check.ready("before the call", &mut clone).await;
        let when = format!("the inner service panicked {place}");
        // Dropped clone, call and body: all that a server does after a panic.
        check.within(&when, attempt::<W, _>(clone)).await;
        control.set(Plan::default());
        check.rest(&when, &service, &quiescent).await;
    }
}

/// Makes a call to its end or to its panic.
async fn attempt<W, S: Subject<W>>(mut service: S) {
    let Ok(call) = catch_unwind(AssertUnwindSafe(|| service.start(false))) else {
        return;
    };
    if let Some(reply) = caught(call).await {
        caught(S::finish(reply)).await;
    }
}

/// The future's output, or `None` if it panics; it is dropped after the panic.
async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
            .map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

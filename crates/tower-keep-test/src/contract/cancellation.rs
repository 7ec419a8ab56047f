//! A caller that goes away in the middle of a call.

use super::{
    backend::{Backend, Plan},
    drive::{Check, advance},
    subject::{Contracted, Subject},
};
use crate::Driven;

/// More await points than this is a call that never completes.
const POINTS: usize = 200;

/// The call's future is dropped at every await point: before its first poll, after one poll, and
/// so on until it completes. After each the layer must be at rest and serve a further call. A
/// capacity of one makes the check sharpest.
///
/// # Panics
///
/// With an explanation, if the layer breaks this.
pub async fn cancellation<W, L: Contracted<W>>(_: W, layer: &L, quiescent: impl Fn()) {
    let check = Check("cancellation");
    let (bare, control) = Backend::new(());
    let service = layer.layer(bare);
    control.set(Plan {
        ready_after: 2,
        head_after: 4,
        ..Plan::default()
    });

    let mut ready = service.clone();
    check.ready("at first", &mut ready).await;
    drop(ready);
    check
        .rest("dropped when ready, before a call", &service, &quiescent)
        .await;

    for polls in 0..POINTS {
        let mut clone = service.clone();
        check.ready("before the call", &mut clone).await;
        let mut call = Driven::new(clone.start(false));
        let when = format!("dropped after {polls} polls");
        let completed = advance(check, &when, &mut call, polls).await;
        drop(call);
        let over = completed.is_some();
        if let Some(reply) = completed
            && let Err(why) = L::Service::finish(reply).await
        {
            check.fail(&format!(
                "after {polls} polls the call must succeed, but {why}"
            ));
        }
        check.rest(&when, &service, &quiescent).await;
        if over {
            return;
        }
    }
    check.fail(&format!("the call has not completed after {POINTS} polls"));
}

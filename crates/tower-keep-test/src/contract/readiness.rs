//! Who is called, and what being ready costs.

use super::{
    backend::{Backend, Plan},
    drive::Check,
    subject::{Contracted, Subject},
};

/// How many clones are polled ready and then forgotten.
const LEAKED: usize = 1000;

/// The inner instance that was polled ready is the one that is called, and readiness reserves
/// nothing: 1000 clones that are polled ready and leaked change nothing for the next caller.
///
/// # Panics
///
/// With an explanation, if the layer breaks this.
pub async fn readiness<W, L: Contracted<W>>(_: W, layer: &L, quiescent: impl Fn()) {
    let check = Check("readiness");
    let (bare, control) = Backend::new(());
    let service = layer.layer(bare);

    control.set(Plan {
        ready_after: 2,
        ..Plan::default()
    });
    for _ in 0..3 {
        check.call("before anything else", &service).await;
    }
    // The same instance again and again, as a client uses it.
    let mut reused = service.clone();
    for _ in 0..3 {
        check.ready("on a reused instance", &mut reused).await;
        let reply = check.within("a call", reused.start(false)).await;
        if let Err(why) = L::Service::finish(reply).await {
            check.fail(&format!(
                "a call on a reused instance must succeed, but {why}"
            ));
        }
    }

    control.set(Plan::default());
    for nth in 1..=LEAKED {
        let mut clone = service.clone();
        let when = format!("clone {nth} of {LEAKED} that are polled ready and never called");
        check.ready(&when, &mut clone).await;
        std::mem::forget(clone);
    }
    let when = format!("after {LEAKED} clones were polled ready and leaked");
    check.rest(&when, &service, &quiescent).await;
}

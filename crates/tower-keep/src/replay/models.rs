use std::{
    future::poll_fn,
    sync::Arc,
    task::{Poll, Wake},
};

use super::bell::Bell;
use crate::common::{
    atomic::{Acquire, AtomicBool, Release},
    modelling::{join_all, model, spawn, wait},
};

/// A body has a frame for two attempts that wait for it: both hear of it.
#[test]
fn the_bell_wakes_all_who_wait() {
    model(|| {
        let (bell, ready) = (Arc::new(Bell::default()), Arc::new(AtomicBool::new(false)));
        let attempts = [(); 2].map(|()| {
            let (bell, ready) = (bell.clone(), ready.clone());
            spawn(move || {
                wait(poll_fn(|cx| {
                    bell.add(cx.waker());
                    if ready.load(Acquire) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }));
            })
        });
        ready.store(true, Release);
        bell.wake_by_ref();
        join_all(attempts);
    });
}

//! The hand-driven executor.

use std::{
    future::{pending, poll_fn},
    task::Poll,
    time::Duration,
};

use tower_keep_test::Driven;

#[test]
#[should_panic(expected = "lost wake-up")]
fn a_future_that_keeps_no_waker_is_lost() {
    let _ = Driven::new(pending::<()>()).poll();
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "spinning: polled 10 times")]
async fn a_future_that_only_wakes_itself_is_spinning() {
    let spin = poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    Driven::new(spin).at_most(10).finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_polled_twice() {
    let mut sleep = Driven::new(tokio::time::sleep(Duration::from_secs(5)));
    sleep.finish().await;
    assert_eq!((sleep.polls(), sleep.wakes()), (2, 1));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "not woken for an hour")]
async fn a_waker_that_is_kept_and_never_used_is_lost() {
    let mut kept = None;
    let stuck = poll_fn(|cx| {
        kept = Some(cx.waker().clone());
        Poll::<()>::Pending
    });
    Driven::new(stuck).finish().await;
}

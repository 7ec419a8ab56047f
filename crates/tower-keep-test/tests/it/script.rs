//! The scripted service, and the probe on top of it.

use http::{Request, Response};
use tower::ServiceExt;
use tower_keep_test::{Driven, ReadyProbe, body::ScriptedBody, script};

/// Neither a request nor a response nor an error needs to be anything.
#[derive(Debug, PartialEq)]
struct Bare(u8);

#[tokio::test(start_paused = true)]
async fn calls_are_answered_failed_or_left_pending_in_any_order() {
    let (service, mut handle) = script::plain::<Bare, Bare, Bare>();
    let mut calls = [1, 2, 3].map(|n| Driven::new(service.clone().oneshot(Bare(n))));
    for call in &mut calls {
        assert!(call.poll().is_pending());
    }
    let (_, first) = handle.next().await;
    let (request, second) = handle.next().await;
    let (_, third) = handle.try_next().unwrap();
    assert_eq!(request, Bare(2));

    second.send(Bare(20));
    third.fail(Bare(30));
    let [mut one, mut two, mut three] = calls;
    assert_eq!(two.finish().await, Ok(Bare(20)));
    assert_eq!(three.finish().await, Err(Bare(30)));
    assert_eq!((handle.started(), handle.in_flight()), (3, 1));

    assert!(!first.is_abandoned());
    assert!(one.poll().is_pending());
    drop(one);
    assert!(first.is_abandoned());
    assert_eq!((handle.dropped(), handle.in_flight()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_dropped_leaves_its_call_pending() {
    let (service, mut handle) = script::http::<()>();
    let call = tokio::spawn(service.oneshot(Request::new(())));
    let (_, answer) = handle.next().await;
    drop(answer);
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    assert_eq!(handle.in_flight(), 1);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "no call for an hour")]
async fn a_call_that_never_comes_is_not_waited_for_for_ever() {
    let (_service, mut handle) = script::plain::<(), (), ()>();
    handle.next().await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_pending_as_often_as_asked_and_tallies() {
    let (service, mut handle) = script::http::<()>();
    let probe = ReadyProbe::new(service).pending_before_ready(2);
    let record = probe.record();
    let mut call = Driven::new(probe.clone().oneshot(Request::new(())));
    while handle.started() == 0 {
        assert!(call.poll().is_pending());
    }
    assert_eq!((record.polls(), record.clones(), record.calls()), (3, 1, 1));
    let (_, answer) = handle.next().await;
    answer.send(Response::new(ScriptedBody::full("done")));
    call.finish().await.unwrap();
}

//! The bodies that a test decides.

use http::HeaderMap;
use http_body::{Body, SizeHint};
use http_body_util::BodyExt;
use tower_keep_test::{
    Driven,
    body::{Frames, ScriptedBody},
};

#[tokio::test]
async fn a_scripted_body_waits_until_it_is_told() {
    let (mut body, handle) = ScriptedBody::new();
    handle.set_size_hint(SizeHint::with_exact(3));
    assert_eq!(body.size_hint().exact(), Some(3));
    {
        let mut frame = Driven::new(body.frame());
        assert!(frame.poll().is_pending());
        handle.data("one");
        assert!(frame.is_woken());
        assert!(frame.poll().is_ready());
    }
    handle.trailers(HeaderMap::new());
    handle.error("the line broke");
    handle.end();
    assert!(!body.is_end_stream());
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the line broke");
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none());
    assert_eq!(handle.polls(), 5);
}

#[tokio::test]
async fn a_scripted_body_knows_when_it_was_dropped() {
    let (body, handle) = ScriptedBody::new();
    let mut dropped = Driven::new(handle.dropped());
    assert!(dropped.poll().is_pending());
    drop(body);
    assert!(dropped.poll().is_ready());
    assert!(handle.is_dropped());
}

#[tokio::test]
async fn a_list_of_frames_counts_down_its_size() {
    let mut body = Frames::new().data("ab").data("c");
    assert_eq!(body.size_hint().exact(), Some(3));
    body.frame().await.unwrap().unwrap();
    assert_eq!(body.size_hint().exact(), Some(1));
    assert!(!body.is_end_stream());
    body.frame().await.unwrap().unwrap();
    assert!(body.is_end_stream());
}

//! The machine against a model that keeps everything in lists, and the rules as tables.

use std::{sync::Arc, task::Waker, time::Duration};

use http::{HeaderName, HeaderValue, Request, Response, header};
use proptest::prelude::*;

use super::{
    rules,
    state::{Flight, Landed, Turn},
};
use crate::{
    common::clock,
    protocol::Head,
    rejection::{Kind, Rejection},
};

#[derive(Clone, Debug)]
enum Step {
    Join,
    /// The one who waits at this place, modulo how many do, gives up.
    Leave(usize),
    GiveUp,
    Fail,
    Overtake(usize),
    /// The promoted one is asked.
    Ask,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Join),
        2 => any::<usize>().prop_map(Step::Leave),
        2 => Just(Step::GiveUp),
        1 => Just(Step::Fail),
        1 => any::<usize>().prop_map(Step::Overtake),
        3 => Just(Step::Ask),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// As long as a flight is in the air somebody leads it, and nobody leads who was not the next.
    #[test]
    fn somebody_always_leads(steps in steps()) {
        let now = clock::now();
        let mut flight = Flight::<u32>::new(now);
        let (mut waiting, mut promoted) = (Vec::new(), None);
        let (mut leaders, mut failures, mut over) = (1usize, 0, false);
        for step in steps {
            if over {
                break;
            }
            let mut hand_over = |waiting: &mut Vec<u64>, promoted: &mut Option<u64>| {
                leaders -= 1;
                if leaders == 0 {
                    if waiting.is_empty() {
                        return true;
                    }
                    *promoted = Some(waiting.remove(0));
                    leaders = 1;
                }
                false
            };
            // A promoted one that was not asked counts, and cannot give up as a leader.
            match step {
                Step::Join => waiting.extend(flight.join(5)),
                Step::Leave(nth) if !waiting.is_empty() => {
                    let id = waiting.remove(nth % waiting.len());
                    prop_assert!(!flight.leave(id, now).over);
                }
                Step::Leave(_) => {
                    if let Some(id) = promoted.take() {
                        let expected = hand_over(&mut waiting, &mut promoted);
                        over = flight.leave(id, now).over;
                        prop_assert_eq!(over, expected);
                    }
                }
                Step::GiveUp if promoted.is_none() => {
                    let expected = hand_over(&mut waiting, &mut promoted);
                    over = flight.give_up(now).over;
                    prop_assert_eq!(over, expected);
                }
                Step::Fail if promoted.is_none() => {
                    failures += 1;
                    let expected = failures >= 2 || hand_over(&mut waiting, &mut promoted);
                    over = flight.fail(now, 2).over;
                    prop_assert_eq!(over, expected);
                }
                Step::Overtake(nth) if !waiting.is_empty() => {
                    let id = waiting.remove(nth % waiting.len());
                    prop_assert_eq!(flight.overtake(id, now, Duration::ZERO), Ok(()));
                    leaders += 1;
                }
                Step::Ask => {
                    if let Some(id) = promoted.take() {
                        let turn = flight.turn(id, Waker::noop());
                        prop_assert!(matches!(turn, Some(Turn::Lead)));
                    }
                }
                Step::GiveUp | Step::Fail | Step::Overtake(_) => {}
            }
            prop_assert!(waiting.len() <= 5);
            if !over {
                for id in &waiting {
                    prop_assert!(flight.turn(*id, Waker::noop()).is_none());
                }
            }
        }
        if over {
            for id in waiting {
                prop_assert!(matches!(flight.turn(id, Waker::noop()), Some(Turn::Alone)));
            }
        }
    }
}

#[test]
fn the_first_answer_counts() {
    let now = clock::now();
    let mut flight = Flight::new(now);
    let id = flight.join(1).expect("room for one");
    assert_eq!(flight.join(1), None);
    let early = flight.overtake(id, now, Duration::from_secs(1));
    assert_eq!(early, Err(Some(now + Duration::from_secs(1))));
    assert!(flight.turn(id, Waker::noop()).is_none());
    let after = flight.land(Landed::Answer(Arc::new(1)));
    assert!(after.over && after.wake.len() == 1);
    let after = flight.land(Landed::Answer(Arc::new(2)));
    assert!(!after.over && after.wake.is_empty());
    assert_eq!(flight.overtake(id, now, Duration::ZERO), Err(None));
    let Some(Turn::Answer(answer)) = flight.turn(id, Waker::noop()) else {
        panic!("it has landed");
    };
    assert_eq!(*answer, 1);
}

#[test]
fn what_may_share() {
    let get = || Request::get("/a");
    let table = [
        (get(), true),
        (Request::head("/a"), true),
        (Request::post("/a"), false),
        (Request::delete("/a"), false),
        (get().header("authorization", "x"), false),
        (get().header("proxy-authorization", "x"), false),
        (get().header("cookie", "x"), false),
        (get().header("range", "bytes=0-1"), false),
        (get().header("if-none-match", "*"), false),
        (get().header("cache-control", "no-cache"), false),
        (get().header("pragma", "no-cache"), false),
        (get().header("cache-control", "max-age=5"), true),
        (get().header("x-other", "1"), true),
    ];
    for (builder, expected) in table {
        let request = builder.body(()).expect("well formed");
        let key = rules::key(&Head::of(&request), &[]);
        assert_eq!(key.is_some(), expected, "{request:?}");
    }
}

#[test]
fn what_may_be_shared() {
    let known: &[HeaderName] = &[header::ACCEPT];
    let table = [
        ("set-cookie", "a=b", false, false),
        ("cache-control", "private", false, false),
        ("cache-control", "no-store", false, false),
        ("cache-control", "no-cache, max-age=5", true, true),
        ("vary", "accept", true, true),
        ("vary", "Accept, X-Tenant", false, true),
        ("vary", "*", false, false),
    ];
    for (name, value, usual, with_rule) in table {
        let mut response = Response::new(());
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
        let found = (
            rules::is_for_all(&response, Some(known)),
            rules::is_for_all(&response, None),
        );
        assert_eq!(found, (usual, with_rule), "{response:?}");
    }
    for status in [304, 412, 416] {
        let response = Response::builder().status(status).body(());
        let response = response.expect("well formed");
        assert!(!rules::is_for_all(&response, None), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_rule_too_a_head_is_no_answer_to_who_wants_all() {
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    use tower_layer::Layer;

    let service = tower::service_fn(|request: Request<String>| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let is_head = request.method() == http::Method::HEAD;
        let body = if is_head { "" } else { "hello" }.to_owned();
        let answer = Response::builder().header("content-length", "5").body(body);
        Ok::<_, crate::BoxError>(answer.unwrap())
    });
    let layer = super::CoalesceLayer::new().key(|head| Some(head.uri.path().to_owned()));
    let ask = |request: http::request::Builder| {
        let request = request.body(String::new()).unwrap();
        let answer = layer.layer(service).oneshot(request);
        async { answer.await.unwrap().into_body().collect().await.unwrap() }
    };
    let (head, whole) = tokio::join!(ask(Request::head("/a")), ask(Request::get("/a")));
    assert_eq!((head.to_bytes().len(), whole.to_bytes().len()), (0, 5));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_who_leads_is_not_that_of_who_waits() {
    use tower::ServiceExt;
    use tower_layer::Layer;

    let calls = std::sync::atomic::AtomicUsize::new(0);
    let service = tower::service_fn(|_: Request<String>| async {
        let nth = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut answer = Response::new(String::new());
        if nth == 0 {
            let kind = Kind::DeadlineExpired;
            let late = Rejection::new(kind, "timeout", crate::common::name::Name::EMPTY);
            *answer.status_mut() = http::StatusCode::GATEWAY_TIMEOUT;
            answer.extensions_mut().insert(late.of_caller(true));
        }
        Ok::<_, crate::BoxError>(answer)
    });
    let layer = super::CoalesceLayer::new();
    let ask = || {
        let request = Request::get("/a").body(String::new()).unwrap();
        let answer = layer.layer(service).oneshot(request);
        async {
            http_body_util::BodyExt::collect(answer.await.unwrap().into_body())
                .await
                .is_ok()
        }
    };
    tokio::join!(ask(), ask(), ask());
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 2);
}

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::{state, store::Store, *};
use crate::{
    classify::Verdict,
    common::{answer::Answer, name::Name},
    rejection::{Kind, Phase, Rejection},
};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

#[test]
fn what_must_not_be_given_again_unasked_is_not_kept() {
    let keyed = [header::ACCEPT_LANGUAGE];
    for (pairs, kept) in [
        (&[] as &[_], true),
        (&[("cache-control", "public, max-age=10")], true),
        (&[("cache-control", "max-age=10, No-Store")], false),
        (&[("cache-control", "private=\"x\"")], false),
        (&[("cache-control", "no-cache")], false),
        (&[("cache-control", "must-revalidate")], false),
        (&[("set-cookie", "a=b")], false),
        (&[("vary", "Accept-Language")], true),
        (&[("vary", "accept-language, cookie")], false),
        (&[("vary", "*")], false),
    ] {
        let answer = headers(pairs);
        let may = state::may_keep_answer(StatusCode::OK, &answer, &keyed);
        assert_eq!(may, kept, "{pairs:?}");
    }
    assert!(!state::may_keep_answer(
        StatusCode::NOT_FOUND,
        &headers(&[]),
        &keyed
    ));
    for (method, pairs, kept) in [
        (Method::GET, &[] as &[_], true),
        (Method::HEAD, &[], true),
        (Method::POST, &[], false),
        (Method::GET, &[("authorization", "Bearer x")], false),
        (Method::GET, &[("cookie", "session=1")], false),
        (Method::GET, &[("cache-control", "no-store")], false),
    ] {
        assert_eq!(state::may_keep_request(&method, &headers(pairs), &[]), kept);
    }
    let cookie = headers(&[("cookie", "session=1")]);
    assert!(state::may_keep_request(
        &Method::GET,
        &cookie,
        &[header::COOKIE]
    ));
}

#[test]
fn an_answer_can_say_how_old_it_may_get() {
    let hour = Duration::from_secs(3600);
    let seconds = Duration::from_secs;
    for (value, until, fresh) in [
        ("public", hour, None),
        ("max-age=10", hour, Some(seconds(10))),
        (
            "max-age=10, stale-if-error=50",
            seconds(60),
            Some(seconds(10)),
        ),
        (
            "max-age=10, s-maxage=20, stale-if-error=0",
            seconds(20),
            Some(seconds(20)),
        ),
    ] {
        let headers = headers(&[("cache-control", value)]);
        assert_eq!(state::lifetime(&headers, hour), (until, fresh), "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_age_that_makes_no_sense_does_no_harm() {
    let store = Store::default();
    let config = FallbackConfig::default();
    let headers = headers(&[
        ("age", "18446744073709551615"),
        (
            "cache-control",
            "max-age=9223372036854775808, stale-if-error=1",
        ),
    ]);
    let answer = Answer::new(StatusCode::OK, headers, "x".into());
    store.put(b"a".to_vec(), answer, &config);
    tokio::time::advance(Duration::from_secs(1)).await;
    let _ = store.get(b"a", config.max_age);
}

/// What a layer over this service answers to `ask`, after `first` went well.
async fn stale_for(first: http::Request<String>, ask: http::Request<String>) -> StatusCode {
    use tower::ServiceExt;
    use tower_layer::Layer;

    let calls = std::sync::atomic::AtomicUsize::new(0);
    let service = tower::service_fn(|_: http::Request<String>| {
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        let status = if first {
            StatusCode::OK
        } else {
            StatusCode::BAD_GATEWAY
        };
        let answer = http::Response::builder()
            .status(status)
            .body("x".to_owned());
        async { Ok::<_, crate::BoxError>(answer.unwrap()) }
    });
    let layer = FallbackLayer::new().when_stale(Causes::ANY);
    let answer = layer.layer(service).oneshot(first).await.unwrap();
    http_body_util::BodyExt::collect(answer.into_body())
        .await
        .unwrap();
    layer.layer(service).oneshot(ask).await.unwrap().status()
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_one_host() {
    let at = |host: &str| {
        let request = http::Request::get("/a").header("host", host);
        request.body(String::new()).unwrap()
    };
    assert_eq!(stale_for(at("one"), at("one")).await, StatusCode::OK);
    assert_eq!(
        stale_for(at("one"), at("two")).await,
        StatusCode::BAD_GATEWAY
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_longest_ago_goes_first() {
    let store = Store::default();
    let answer = |len: usize| Answer::new(StatusCode::OK, HeaderMap::new(), vec![0; len].into());
    let config = FallbackConfig {
        max_answers: 2,
        max_bytes: 10_000,
        ..FallbackConfig::default()
    };
    let has = |key: &str| store.get(key.as_bytes(), config.max_age).is_some();
    for key in ["a", "b"] {
        store.put(key.into(), answer(10), &config);
    }
    assert!(has("a"));
    store.put("c".into(), answer(10), &config);
    assert!(has("a") && !has("b") && has("c"));
    store.put("large".into(), answer(9_000), &config);
    store.put("d".into(), answer(3_000), &config);
    assert!(!has("large") && has("d"), "too many bytes");
    let (answers, bytes) = store.size();
    assert!(answers <= 2 && bytes <= config.max_bytes);
    tokio::time::advance(config.max_age + Duration::from_secs(1)).await;
    assert!(!has("d"));
    store.clear();
    assert_eq!(store.size(), (0, 0));
}

#[test]
fn each_refusal_has_its_cause_unless_it_is_the_callers_doing() {
    let limit = 1;
    let after = Duration::from_secs(1);
    let late = |phase| Kind::DeadlineExceeded { phase, after };
    for (kind, cause) in [
        (Kind::CircuitOpen, Some(Cause::Open)),
        (Kind::BulkheadFull { limit }, Some(Cause::Full)),
        (Kind::ConcurrencyLimited { limit }, Some(Cause::Full)),
        (Kind::QueueTimeout { waited: after }, Some(Cause::Full)),
        (Kind::Overloaded { reason: "" }, Some(Cause::Limited)),
        (Kind::RateLimited, Some(Cause::Limited)),
        (Kind::Throttled, Some(Cause::Limited)),
        (late(Phase::RequestBody), None),
        (late(Phase::Head), Some(Cause::TimedOut)),
        (late(Phase::Body), Some(Cause::TimedOut)),
        (Kind::DeadlineExpired, Some(Cause::TimedOut)),
        (Kind::NoEndpoint, Some(Cause::Unavailable)),
        (Kind::ShuttingDown, Some(Cause::Unavailable)),
        (Kind::FaultInjected, Some(Cause::Failed)),
        (Kind::Panicked, Some(Cause::Failed)),
        (Kind::IdempotencyConflict, None),
        (Kind::IdempotencyKey { problem: "" }, None),
        (Kind::IdempotencyMismatch, None),
    ] {
        let rejection = Rejection::new(kind, "x", Name::EMPTY);
        // Whatever the verdict on it is.
        for verdict in [Verdict::success(), Verdict::failure()] {
            let found = state::cause(&verdict, Some(&rejection), true);
            assert_eq!(found, cause, "{rejection}");
        }
    }
}

#[test]
fn an_answer_of_the_service_has_a_cause_if_it_is_bad() {
    for (verdict, answered, cause) in [
        (Verdict::overload(), true, Some(Cause::Limited)),
        (Verdict::overload(), false, Some(Cause::Limited)),
        (Verdict::failure(), true, Some(Cause::Failed)),
        (Verdict::failure(), false, Some(Cause::Error)),
        (Verdict::ignored(), false, None),
        (Verdict::success(), true, None),
    ] {
        assert_eq!(state::cause(&verdict, None, answered), cause, "{verdict:?}");
    }
}

#[test]
fn a_part_of_an_answer_is_not_kept() {
    let headers = headers(&[("range", "bytes=0-1")]);
    assert!(!state::may_keep_request(&Method::GET, &headers, &[]));
}

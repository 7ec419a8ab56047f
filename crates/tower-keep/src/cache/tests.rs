//! The rules of RFC 9111 and RFC 5861 as tables.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use proptest::prelude::*;

use super::{
    CacheConfig,
    conditions::Conditions,
    entry::Entry,
    state::{Arrived, Asked, Freshness, Use},
    store::Store,
};
use crate::common::{answer::Answer, clock, directives::Directives};

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut response = Response::new(());
    for (name, value) in fields {
        response
            .headers_mut()
            .append(*name, HeaderValue::from_static(value));
    }
    response.headers().clone()
}

fn asked(fields: &[(&'static str, &'static str)], config: &CacheConfig) -> Asked {
    Asked::of(&headers(fields), config)
}

fn freshness(
    request: &[(&'static str, &'static str)],
    status: u16,
    answer: &[(&'static str, &'static str)],
    config: &CacheConfig,
) -> Option<Freshness> {
    let status = StatusCode::from_u16(status).expect("in range");
    let asked = asked(request, config);
    Freshness::of(asked, status, &headers(answer), Arrived::default(), config)
}

#[test]
fn what_may_be_kept() {
    let (shared, private) = (CacheConfig::default(), CacheConfig::private());
    let credentials = &[("authorization", "x")][..];
    let cookie = &[("cookie", "x")][..];
    let good = ("cache-control", "max-age=60");
    // Request, status, answer; kept by a shared cache, by a private one.
    let table: [(&[_], u16, &[_], bool, bool); 20] = [
        (&[], 200, &[good], true, true),
        (&[], 200, &[], false, false),
        (&[], 200, &[("etag", "\"1\"")], true, true),
        (&[], 200, &[("cache-control", "max-age=0")], false, false),
        (
            &[],
            200,
            &[("cache-control", "no-cache, max-age=9")],
            false,
            false,
        ),
        (
            &[],
            200,
            &[("cache-control", "no-cache"), ("etag", "\"1\"")],
            true,
            true,
        ),
        (
            &[],
            200,
            &[("cache-control", "no-store, max-age=60")],
            false,
            false,
        ),
        (
            &[],
            200,
            &[("cache-control", "private, max-age=60")],
            false,
            true,
        ),
        (&[], 200, &[good, ("set-cookie", "a=b")], false, true),
        (&[], 200, &[good, ("vary", "*")], false, false),
        (&[], 200, &[good, ("age", "60")], false, false),
        (&[], 206, &[good], false, false),
        (&[], 404, &[good], true, true),
        (&[], 302, &[good], true, true),
        (&[], 302, &[("etag", "\"1\"")], false, false),
        (credentials, 200, &[good], false, true),
        (cookie, 200, &[good], false, true),
        (
            credentials,
            200,
            &[("cache-control", "public, max-age=60")],
            true,
            true,
        ),
        (
            credentials,
            200,
            &[("cache-control", "s-maxage=60")],
            true,
            false,
        ),
        (&[("cache-control", "no-store")], 200, &[good], false, false),
    ];
    for (request, status, answer, by_shared, by_private) in table {
        let found = (
            freshness(request, status, answer, &shared).is_some(),
            freshness(request, status, answer, &private).is_some(),
        );
        assert_eq!(
            found,
            (by_shared, by_private),
            "{request:?} {status} {answer:?}"
        );
    }
    let config = CacheConfig {
        default_ttl: Some(std::time::Duration::from_secs(5)),
        ..shared
    };
    let kept = freshness(&[], 200, &[], &config).expect("a default");
    assert_eq!(kept.lifetime, 5);
    assert!(freshness(&[], 500, &[], &config).is_none());
}

#[test]
fn what_an_entry_is_good_for() {
    let config = CacheConfig::default();
    let plain = "max-age=60";
    let stale = "max-age=60, stale-while-revalidate=30, stale-if-error=300";
    let table = [
        (plain, 0, "", Use::Fresh(60)),
        (plain, 59, "", Use::Fresh(1)),
        (plain, 60, "", Use::Revalidate),
        ("max-age=10, s-maxage=60", 59, "", Use::Fresh(1)),
        ("no-cache, max-age=60", 0, "", Use::Revalidate),
        (plain, 0, "no-cache", Use::Revalidate),
        (plain, 0, "max-age=0", Use::Revalidate),
        (plain, 20, "max-age=20", Use::Fresh(40)),
        (plain, 21, "max-age=20", Use::Revalidate),
        (plain, 40, "min-fresh=20", Use::Fresh(20)),
        (plain, 41, "min-fresh=20", Use::Revalidate),
        (plain, 90, "max-stale=30", Use::Accepted),
        (plain, 91, "max-stale=30", Use::Revalidate),
        (plain, 9999, "max-stale", Use::Accepted),
        (
            "max-age=60, must-revalidate",
            61,
            "max-stale",
            Use::Revalidate,
        ),
        ("s-maxage=60", 61, "max-stale", Use::Revalidate),
        (stale, 89, "", Use::WhileRevalidating),
        (stale, 90, "", Use::Revalidate),
        (stale, 60, "no-cache", Use::Revalidate),
        (
            "s-maxage=60, stale-while-revalidate=30",
            89,
            "",
            Use::WhileRevalidating,
        ),
    ];
    for (answer, age, request, expected) in table {
        let answer = [("cache-control", answer), ("etag", "\"1\"")];
        let kept = freshness(&[], 200, &answer, &config).expect("may be kept");
        let asked = asked(&[("cache-control", request)], &config);
        assert_eq!(
            kept.of_use(age, asked),
            expected,
            "{answer:?} {age} {request}"
        );
    }
    let kept = freshness(&[], 200, &[("cache-control", plain)], &config).expect("kept");
    let personal = asked(&[("cookie", "x")], &config);
    assert_eq!(kept.of_use(0, personal), Use::Never);
    let kept = freshness(&[], 200, &[("cache-control", stale)], &config).expect("kept");
    let nothing = Asked::default();
    assert!(kept.survives_error(359, nothing) && !kept.survives_error(360, nothing));
    let none = asked(&[("cache-control", "stale-if-error=0")], &config);
    assert!(!kept.survives_error(60, none));
}

#[test]
fn age_counts_from_when_the_answer_was_made() {
    let config = CacheConfig::default();
    let of = |fields: &[_], arrived| {
        let headers = headers(fields);
        Freshness::of(Asked::default(), StatusCode::OK, &headers, arrived, &config)
    };
    let good = ("cache-control", "max-age=60");
    let arrived = Arrived {
        apparent_age: 7,
        delay: 2,
        expires_in: Some(1),
    };
    let kept = of(&[good, ("age", "3")], arrived).expect("kept");
    assert_eq!(
        (kept.initial_age, kept.lifetime),
        (7, 60),
        "max-age beats Expires"
    );
    let kept = of(&[good, ("age", "30")], arrived).expect("kept");
    assert_eq!(kept.initial_age, 32);
    let expires = Arrived {
        expires_in: Some(9),
        ..Arrived::default()
    };
    assert_eq!(of(&[], expires).expect("kept").lifetime, 9);
}

#[test]
fn a_caller_who_has_it_is_told_so() {
    let kept = headers(&[
        ("etag", "W/\"1\""),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ]);
    let met = |fields: &[_]| Conditions::of(&headers(fields)).are_met(StatusCode::OK, &kept);
    assert!(met(&[("if-none-match", "\"0\", \"1\"")]));
    assert!(met(&[("if-none-match", "*")]));
    assert!(!met(&[("if-none-match", "\"2\"")]));
    let later = ("if-modified-since", "Mon, 07 Nov 1994 08:49:37 GMT");
    assert!(met(&[later]));
    assert!(
        !met(&[later, ("if-none-match", "\"2\"")]),
        "the tag decides"
    );
    assert!(!met(&[(
        "if-modified-since",
        "Sat, 05 Nov 1994 08:49:37 GMT"
    )]));
    assert!(!met(&[]));
}

fn entry(fields: &[(&'static str, &'static str)], len: usize) -> Entry {
    let headers = headers(fields);
    let answer = Answer::new(StatusCode::OK, headers, vec![7; len].into());
    let kept = freshness(&[], 200, &[("etag", "\"1\"")], &CacheConfig::default());
    Entry::new(answer.into(), kept.expect("kept"), clock::now())
}

#[test]
fn variants_are_kept_apart_and_invalidated_together() {
    let store = Store::new(1 << 20, 1024);
    let (german, french) = (
        headers(&[("accept-language", "de")]),
        headers(&[("accept-language", "fr")]),
    );
    let vary = [("vary", "accept-language")];
    let now = store.epoch(b"k");
    store.put(b"k", &german, entry(&vary, 1), now);
    assert!(store.get(b"k", &french).is_none());
    store.put(b"k", &french, entry(&vary, 2), now);
    let len = |request| {
        store
            .get(b"k", request)
            .map(|entry| entry.answer.body().len())
    };
    assert_eq!((len(&german), len(&french)), (Some(1), Some(2)));
    assert!(store.invalidate(b"k"));
    assert_eq!((len(&german), len(&french)), (None, None));
    // What was on its way is not kept, and what comes after does not bring the others back.
    store.put(b"k", &german, entry(&vary, 3), now);
    assert_eq!(len(&german), None);
    store.put(b"k", &german, entry(&vary, 4), store.epoch(b"k"));
    assert_eq!((len(&german), len(&french)), (Some(4), None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever comes in, all of it together stays within the bound.
    #[test]
    fn the_store_is_bounded(puts in prop::collection::vec((0u8..40, 0usize..1024), 1..200)) {
        let max = 16 * 1024;
        let store = Store::new(max, 1024);
        for (key, len) in puts {
            store.put(&[key], &HeaderMap::new(), entry(&[], len), store.epoch(&[key]));
            prop_assert!(store.bytes() <= max as u64);
        }
    }

    /// No header makes an entry fresh for longer than it says.
    #[test]
    fn nothing_is_fresh_beyond_its_lifetime(
        text in "[a-z0-9=,\" -]{0,40}", max_age in 0u64..100, age in 0u64..200,
    ) {
        let value = format!("max-age={max_age}, {text}");
        let mut fields = HeaderMap::new();
        fields.insert(header::CACHE_CONTROL, value.parse().expect("readable"));
        let config = CacheConfig::default();
        let kept = Freshness::of(Asked::default(), StatusCode::OK, &fields, Arrived::default(), &config);
        let says = Directives::of(&fields, true);
        if let Some(kept) = kept
            && let Use::Fresh(left) = kept.of_use(age, Asked::default())
        {
            let allowed = says.s_maxage.or(says.max_age).unwrap_or(0);
            prop_assert!(age + left <= allowed);
            prop_assert!(!says.no_store && !says.private && !says.no_cache);
        }
    }
}

/// As a file is served over HTTP/1: a stream that does not know its end, with `Content-Length`. The server
/// has sent as much as was said and drops the body without asking for more.
#[tokio::test]
async fn a_stream_that_is_as_long_as_its_head_says_is_whole() {
    use http_body_util::{BodyExt, StreamBody};
    use tower::ServiceExt;
    use tower_layer::Layer;

    let calls = std::sync::atomic::AtomicUsize::new(0);
    let service = tower::service_fn(|_: http::Request<String>| {
        calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let pieces = ["ab", "cde"].map(|piece| {
            let frame = http_body::Frame::data(bytes::Bytes::from(piece));
            Ok::<_, crate::BoxError>(frame)
        });
        let answer = Response::builder()
            .header("content-length", "5")
            .header("cache-control", "max-age=60")
            .body(StreamBody::new(futures_util::stream::iter(pieces)));
        async { Ok::<_, crate::BoxError>(answer.expect("well formed")) }
    });
    let layer = super::CacheLayer::default();
    for (pieces, expected) in [(1, 1), (2, 2), (2, 2)] {
        let request = http::Request::get("/a").body(String::new()).unwrap();
        let mut body = layer
            .layer(service)
            .oneshot(request)
            .await
            .unwrap()
            .into_body();
        for _ in 0..pieces {
            let _ = body.frame().await;
        }
        drop(body);
        let asked = calls.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(asked, expected, "{pieces}");
    }
}

#[test]
fn what_belongs_to_the_connection_of_a_304_stays_there() {
    let config = CacheConfig::default();
    let kept = headers(&[("cache-control", "max-age=1"), ("etag", "\"1\"")]);
    let answer = Answer::new(StatusCode::OK, kept, "x".into());
    let asked = asked(&[], &config);
    let old = Freshness::of(
        asked,
        StatusCode::OK,
        &answer.headers,
        Arrived::default(),
        &config,
    );
    let entry = Entry::new(answer.into(), old.expect("may be kept"), clock::now());
    let news = headers(&[
        ("connection", "keep-alive, x-hop"),
        ("keep-alive", "timeout=5"),
        ("x-hop", "1"),
        ("x-news", "1"),
    ]);
    let (answer, _) = entry.freshened(&news, asked, 0, &config);
    assert!(answer.headers.contains_key("x-news"));
    for name in ["connection", "keep-alive", "x-hop"] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
}

#[test]
fn what_is_only_good_for_an_error_is_kept_for_it() {
    let config = CacheConfig::default();
    let kept = |value| freshness(&[], 200, &[("cache-control", value)], &config);
    let kept = [
        kept("max-age=0, stale-if-error=60").is_some(),
        kept("max-age=0, stale-if-error=0").is_some(),
    ];
    assert_eq!(kept, [true, false]);
}

#[test]
fn an_error_is_that_of_a_server_and_a_change_that_of_an_unsafe_call() {
    use super::state::{invalidates, is_error};
    let errors = [200, 404, 499, 500, 501, 502, 503, 504, 505].map(|status| {
        let status = StatusCode::from_u16(status).expect("in range");
        is_error(status)
    });
    assert_eq!(
        errors,
        [false, false, false, true, false, true, true, true, false]
    );
    for (method, expected) in [
        (http::Method::GET, false),
        (http::Method::HEAD, false),
        (http::Method::OPTIONS, false),
        (http::Method::POST, true),
        (http::Method::DELETE, true),
    ] {
        assert_eq!(invalidates(&method), expected, "{method}");
    }
}

use http::HeaderMap;

use super::{IdempotencyConfig, id};

#[test]
fn a_key_is_read_with_and_without_quotes() {
    let key = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("idempotency-key", value.parse().unwrap());
        id::key(&headers).map(|key| key.map(str::to_owned))
    };
    for (value, expected) in [("k-1", "k-1"), ("\"k-1\"", "k-1"), ("  k ", "k")] {
        assert_eq!(key(value).unwrap().unwrap(), expected);
    }
    for value in ["", "\"\"", "a b", "\"a", "a\"b", &"x".repeat(256)] {
        assert!(key(value).is_err(), "{value}");
    }
    assert_eq!(id::key(&HeaderMap::new()), Ok(None));
    let mut twice = HeaderMap::new();
    twice.append("idempotency-key", "a".parse().unwrap());
    twice.append("idempotency-key", "a".parse().unwrap());
    assert!(id::key(&twice).is_err());
}

#[test]
fn a_configuration_that_cannot_work_names_the_field() {
    let config = IdempotencyConfig {
        max_answer_bytes: 0,
        ..IdempotencyConfig::default()
    };
    assert_eq!(config.check().unwrap_err().field(), "max_answer_bytes");
    assert!(serde_json::from_str::<IdempotencyConfig>(r#"{"keep": "1h"}"#).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_no_longer_behind_one_that_is_kept_for_longer() {
    use std::time::Duration;

    use super::{Begun, MemoryStore, Store};

    let store = MemoryStore::default();
    let id = |key: &str| {
        let request = http::Request::post("/").body(()).unwrap();
        id::Id::of(&crate::protocol::Head::of(&request), key, None)
    };
    for (key, seconds) in [("a", 60), ("b", 1)] {
        let Ok(Begun::Fresh(ticket)) = store.begin(id(key), Duration::ZERO).await else {
            panic!("{key} is new");
        };
        let keep_for = Duration::from_secs(seconds);
        store.finish(ticket, None, keep_for).await.unwrap();
    }
    let bytes = store.bytes();
    tokio::time::advance(Duration::from_secs(2)).await;
    let again = store.begin(id("b"), Duration::ZERO).await;
    assert!(matches!(again, Ok(Begun::Fresh(_))));
    assert_eq!(store.bytes(), bytes);
    let other = store.begin(id("a"), Duration::ZERO).await;
    assert!(matches!(other, Ok(Begun::Executed)));
}

//! Keyed layers from outside: how many keys there are, and which of them go.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::task::yield_now;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::{BulkheadConfig, BulkheadLayer},
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, State, Window},
    keyed::{ByRequest, Key, Keyable, KeyedLayer},
    observe::EventKind,
    protocol::Plain,
};

use crate::support::QuoteError;

/// A call with a key that fails if it says so.
#[derive(Clone)]
struct Call {
    key: String,
    fails: bool,
}

fn good(key: impl ToString) -> Call {
    let key = key.to_string();
    Call { key, fails: false }
}

fn bad(key: impl ToString) -> Call {
    let key = key.to_string();
    Call { key, fails: true }
}

async fn answer(call: Call) -> Result<String, BoxError> {
    if call.fails {
        return Err("it fails".into());
    }
    Ok(call.key)
}

type ByKey = ByRequest<fn(&Call) -> Option<Cow<'_, str>>>;

fn keyed<L: Keyable>(layer: L, max_keys: usize) -> KeyedLayer<L, ByKey> {
    KeyedLayer::new(
        layer,
        Key::by_request(own_key as fn(&Call) -> Option<Cow<'_, str>>),
    )
    .max_keys(max_keys)
}

fn own_key(call: &Call) -> Option<Cow<'_, str>> {
    Some(call.key.as_str().into())
}

fn bulkheads(max_keys: usize) -> KeyedLayer<BulkheadLayer<Plain>, ByKey> {
    keyed(BulkheadLayer::new(1).plain(), max_keys)
}

fn breakers(config: CircuitBreakerConfig) -> KeyedLayer<CircuitBreakerLayer<Plain>, ByKey> {
    let layer = CircuitBreakerLayer::from_config(config).unwrap();
    keyed(layer.plain(), 100)
}

fn three_in_a_row() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        consecutive_failures: Some(3),
        max_open_for: Duration::from_secs(3600),
        open_for: Duration::from_secs(3600),
        ..CircuitBreakerConfig::default()
    }
}

/// Random keys on one thread, counted by bytes that are live afterwards.
fn flood(keys: u64, max_keys: usize) -> (i64, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let layer = bulkheads(max_keys);
    let handle = layer.handle();
    let mut service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(answer));
    let live = allocation_counter::measure(|| {
        runtime.block_on(async {
            for _ in 0..keys {
                service.call(good(fastrand::u64(..))).await.unwrap();
            }
        });
    });
    let now = handle.snapshot();
    assert_eq!((now.keys, now.overflowed), (max_keys, 0));
    (live.bytes_current, now.keys)
}

#[test]
fn random_keys_keep_memory_flat() {
    // Not one against the other: keys that are gone are freed in batches, which grow with the number
    // of threads that the other tests have. All keys would be 50 MB.
    for keys in [20_000, 200_000] {
        let (bytes, _) = flood(keys, 1_000);
        assert!(bytes < 1_000 * 1_500, "{bytes} bytes after {keys} keys");
    }
}

/// `cargo test --release --test it -- --ignored ten_million`, a few seconds.
#[test]
#[ignore = "takes a minute without optimization; the one above shows the same"]
fn ten_million_random_keys_keep_memory_flat() {
    let (bytes, keys) = flood(10_000_000, 10_000);
    println!("{bytes} bytes after 10 000 000 keys, {keys} of them live");
    assert!(bytes < 10_000 * 1_500, "{bytes} bytes");
}

/// Opens with the third failure of five calls.
fn half_of_five() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        consecutive_failures: None,
        min_calls: 5,
        ..three_in_a_row()
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_keys_closes_no_breaker() {
    for config in [three_in_a_row(), half_of_five()] {
        flood_breakers(config).await;
    }
}

async fn flood_breakers(config: CircuitBreakerConfig) {
    let is_rate = config.consecutive_failures.is_none();
    let layer = breakers(config);
    let handle = layer.handle();
    let mut service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(answer));
    let mut fresh = 0..;
    let mut flood = async |service: &mut _, count: u64| {
        for key in fresh.by_ref().take(count as usize) {
            let _ = Service::call(service, good(key)).await;
        }
    };
    // Fails now and then, with other keys between.
    for _ in 0..3 {
        service.call(bad("attacked")).await.unwrap_err();
        if is_rate {
            // Never two failures in a row; refused once it is open.
            let _ = service.call(good("attacked")).await;
        }
        flood(&mut service, 1000).await;
    }
    let attacked = || handle.get("attacked").map(|key| key.snapshot().state);
    assert_eq!(attacked(), Some(State::Open), "nothing was forgotten");
    flood(&mut service, 1000).await;
    assert_eq!(attacked(), Some(State::Open));
    let now = handle.snapshot();
    assert_eq!((now.keys, now.overflowed), (100, 0));
    assert!(now.evicted >= 3900, "{now:?}");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_go_new_keys_share_one() {
    let layer = bulkheads(2);
    let handle = layer.handle();
    let mut events = handle.shared().subscribe(4);
    let held = service_fn(|call: Call| async move {
        std::future::pending::<()>().await;
        Ok::<_, BoxError>(call.key)
    });
    let mut service = ServiceBuilder::new().layer(layer).service(held);
    let running: Vec<_> = ["a", "b", "c"].map(|key| service.call(good(key))).into();
    assert!(matches!(
        events.try_next().unwrap().kind,
        EventKind::KeyOverflowed
    ));
    assert_eq!(handle.shared().snapshot().running, 1, "the third");
    let refused = service.call(good("d")).await;
    assert!(refused.is_err(), "the shared bulkhead is full too");
    assert_eq!(handle.snapshot().overflowed, 2);

    drop(running);
    drop(service.call(good("d")));
    assert!(handle.get("d").is_some(), "it has the place of an idle one");
    assert_eq!(handle.snapshot().overflowed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_stays_while_its_handle_is_held() {
    let layer = bulkheads(1);
    let handle = layer.handle();
    let mut service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(answer));
    service.call(good("a")).await.unwrap();
    let held = handle.get("a");
    service.call(good("b")).await.unwrap();
    assert_eq!(
        (handle.keys(), handle.snapshot().overflowed),
        (vec!["a".into()], 1)
    );
    drop(held);
    service.call(good("b")).await.unwrap();
    assert_eq!(handle.keys(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_age_is_forgotten_after_a_time_without_calls() {
    let config = CircuitBreakerConfig {
        window: Window::Count(100),
        ..three_in_a_row()
    };
    let layer = breakers(config)
        .max_keys(1)
        .forget_after(Duration::from_secs(60));
    let handle = layer.handle();
    let mut service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(answer));
    service.call(bad("a")).await.unwrap_err();
    for seconds in [0, 61, 30] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        service.call(good("b")).await.unwrap();
        assert_eq!(
            handle.keys(),
            ["a"],
            "a failure to remember, and maybe a call just now"
        );
    }
    tokio::time::advance(Duration::from_secs(61)).await;
    service.call(good("b")).await.unwrap();
    assert_eq!(handle.keys(), ["b"], "no call for more than a minute");

    // What a person has decided is not forgotten.
    handle.get("b").unwrap().force_open();
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(61)).await;
        let _ = service.call(good("c")).await;
    }
    assert_eq!(handle.keys(), ["b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_is_never_two_bulkheads() {
    const KEYS: u32 = 64;
    let running: Arc<HashMap<_, _>> = Arc::new(
        (0..KEYS)
            .map(|key| (key.to_string(), AtomicU32::new(0)))
            .collect(),
    );
    let config = BulkheadConfig::queued(1);
    let layer = keyed(BulkheadLayer::from_config(config).unwrap().plain(), 8);
    let handle = layer.handle();
    let service = ServiceBuilder::new().layer(layer).service(service_fn({
        let running = running.clone();
        move |call: Call| {
            let running = running.clone();
            async move {
                assert_eq!(running[&call.key].fetch_add(1, Relaxed), 0, "one at once");
                yield_now().await;
                running[&call.key].fetch_sub(1, Relaxed);
                Ok::<_, QuoteError>(call.key)
            }
        }
    }));
    // Four at once on eight places: there is always one to go.
    let callers = (0..4).map(|_| {
        let service = service.clone();
        tokio::spawn(async move {
            for _ in 0..20_000 {
                let call = good(fastrand::u32(..KEYS));
                // A caller whose key is taken may be refused: the queue has one place.
                let _ = service.clone().oneshot(call).await;
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let now = handle.snapshot();
    assert_eq!((now.keys, now.overflowed), (8, 0));
    assert!(now.evicted > 10_000, "{now:?}");
}

//! From the outbox to the effect, over a bus that fails in every way that a bus may.

use std::{future::pending, time::Duration};

use tokio::sync::oneshot;
use tower_keep_durable::{
    Bus, Consumer, Db, Inbox, Outbox,
    bus::{
        Types,
        memory::{Memory, MemoryConfig},
    },
    consumer::ConsumerConfig,
    dead_letters::{Depth, LetterFilter, LetterState},
    outbox::RelayConfig,
    testing::Faults,
};

pub(crate) use crate::effects::SCHEMAS;
use crate::{
    consumer::config,
    effects::{Effect, Trouble, effects},
    support::event,
};

/// Waits for the bus and its backoffs are short: the test is about what happens, not how late.
fn hasty() -> ConsumerConfig {
    let mut config = config();
    config.backoff.base = Duration::from_millis(1);
    config.ack_wait = Duration::from_millis(100);
    config.poll = Duration::from_millis(5);
    config
}

fn bus(seed: u64) -> Bus {
    let memory = Memory::new(MemoryConfig {
        lease: Duration::from_millis(100),
        ..MemoryConfig::default()
    });
    Bus::new(memory).with_faults(Faults {
        late: Duration::from_millis(2),
        ..Faults::seeded(seed)
    })
}

async fn each_event_has_one_effect_in_the_order_of_its_key(db: Db) {
    const KEYS: usize = 8;
    const EVENTS: usize = 12;
    let (bus, outbox, handler) = (bus(7), Outbox::new(db.clone()), Effect::default());
    let consumer = || {
        let service = Inbox::new(db.clone(), handler.clone());
        Consumer::new(db.clone(), bus.clone(), "effects", Types::all(), service)
            .with_config(hasty())
    };
    // The group is there before the first event: what is published earlier is not for it.
    while bus.subscribe("effects", &Types::all()).await.is_err() {}
    let relay = outbox.relay(
        bus.clone(),
        RelayConfig {
            batch: 5,
            ..RelayConfig::default()
        },
    );
    let letters = consumer().letters();
    let mut running = vec![tokio::spawn(async move { relay.run(pending()).await })];
    let (stop, stopped) = oneshot::channel::<()>();
    let stopping = tokio::spawn(consumer().run(async {
        let _ = stopped.await;
    }));
    running.push(tokio::spawn(consumer().run(pending())));
    handler.trouble("2-3", Trouble::Poison, usize::MAX);
    handler.trouble("3-4", Trouble::Transient, 3);
    handler.trouble("4-5", Trouble::Panic, 2);
    handler.trouble("5-6", Trouble::Transient, 4);
    for n in 0..EVENTS {
        let mut tx = db.begin_write().await.unwrap();
        for key in 0..KEYS {
            let event = event(&format!("{key}-{n}"), &key.to_string());
            outbox.append(&mut tx, &event).await.unwrap();
        }
        outbox.commit(tx).await.unwrap();
    }
    // One member leaves in the middle.
    stop.send(()).unwrap();
    stopping.await.unwrap();
    let dead = LetterFilter {
        state: Some(LetterState::Dead),
        ..LetterFilter::default()
    };
    let mut buried = std::collections::HashSet::new();
    while effects(&db).await.len() < KEYS * EVENTS
        || letters.depth(None).await.unwrap() != Depth::default()
    {
        for letter in letters.list(&dead).await.unwrap() {
            handler.trouble("2-3", Trouble::Poison, 0); // mended
            buried.insert(letter.key.clone());
            letters.replay(letter.id).await.unwrap();
        }
        tokio::task::yield_now().await;
    }
    for task in running {
        task.abort();
    }
    assert!(buried.contains(&Some("2".to_owned())), "poison: {buried:?}");
    let effects = effects(&db).await;
    for key in 0..KEYS {
        let of_key: Vec<_> = effects
            .iter()
            .filter(|id| id.starts_with(&format!("{key}-")))
            .cloned()
            .collect();
        let expected: Vec<_> = (0..EVENTS).map(|n| format!("{key}-{n}")).collect();
        assert_eq!(of_key, expected);
    }
}

async fn a_stop_finishes_what_is_in_hand(db: Db) {
    let bus = Bus::memory();
    let (begun, begins) = oneshot::channel::<()>();
    let (go, goes) = oneshot::channel::<()>();
    let gate = std::sync::Arc::new(std::sync::Mutex::new(Some((begun, goes))));
    let service = tower::service_fn(move |_| {
        let gate = gate.lock().unwrap().take();
        async move {
            let (begun, goes) = gate.expect("one call only");
            begun.send(()).unwrap();
            goes.await.map_err(tower_keep::BoxError::from)
        }
    });
    bus.subscribe("slow", &Types::all()).await.unwrap();
    let consumer = Consumer::new(db.clone(), bus.clone(), "slow", Types::all(), service);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(consumer.run(async {
        let _ = stopped.await;
    }));
    bus.publish(&[event("1", "a"), event("2", "a")])
        .await
        .unwrap();
    begins.await.unwrap();
    stop.send(()).unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!running.is_finished(), "a handler runs");
    go.send(()).unwrap();
    running.await.unwrap();
    let mut next = bus.subscribe("slow", &Types::all()).await.unwrap();
    let delivery = next.next().await.unwrap();
    assert_eq!(
        delivery.event().id(),
        "2",
        "1 was acknowledged, 2 not begun"
    );
    assert_eq!(delivery.attempt(), 1);
}

async fn a_stop_cuts_off_what_takes_too_long(db: Db) {
    let (bus, handler) = (Bus::memory(), Effect::default());
    handler.trouble("1", Trouble::Hang, 1);
    bus.subscribe("effects", &Types::all()).await.unwrap();
    let service = Inbox::new(db.clone(), handler.clone());
    let consumer = Consumer::new(db.clone(), bus.clone(), "effects", Types::all(), service)
        .with_config(ConsumerConfig {
            drain: Duration::from_millis(1),
            ..config()
        });
    let letters = consumer.letters();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(consumer.run(async {
        let _ = stopped.await;
    }));
    bus.publish(&[event("1", "a")]).await.unwrap();
    while handler.calls.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    stop.send(()).unwrap();
    running.await.unwrap();
    assert!(effects(&db).await.is_empty(), "rolled back");
    assert_eq!(letters.depth(None).await.unwrap(), Depth::default());
}

on_both!(
    each_event_has_one_effect_in_the_order_of_its_key,
    a_stop_finishes_what_is_in_hand,
    a_stop_cuts_off_what_takes_too_long,
);

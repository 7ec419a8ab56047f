//! The suite's layers around a handler.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use tower::ServiceBuilder;
use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    protocol::Plain,
    retry::RetryLayer,
    timeout::TimeoutLayer,
};
use tower_keep_durable::{
    Bus, Consumer, Db, Inbox,
    bus::Types,
    consumer::{Outcome, verdict},
    dead_letters::Depth,
};

pub(crate) use crate::effects::SCHEMAS;
use crate::{
    consumer::config,
    effects::{Effect, Ends, Trouble, effects},
    support::event,
};

async fn a_stack_handles_and_its_retries_are_no_attempts(db: Db) {
    let handler = Effect::default();
    let stack = ServiceBuilder::new()
        .layer(BulkheadLayer::new(4).plain())
        .layer(
            RetryLayer::default()
                .plain()
                .with_protocol(Plain::new().classify(verdict)),
        )
        .layer(CircuitBreakerLayer::new().with_protocol(Plain::new().classify(verdict)))
        .layer(TimeoutLayer::new(Duration::from_secs(60)).plain())
        .service(Inbox::new(db.clone(), handler.clone()));
    let consumer = Consumer::new(db.clone(), Bus::memory(), "effects", Types::all(), stack)
        .with_config(config());
    handler.trouble("1", Trouble::Transient, 1);
    handler.trouble("2", Trouble::Poison, 9);
    let ends = Ends::default();
    for (id, outcome, calls) in [("1", Outcome::Handled, 2), ("2", Outcome::Buried, 1)] {
        let before = handler.calls.load(SeqCst);
        let ended = consumer.handle(ends.deliver(&event(id, id))).await.unwrap();
        assert_eq!(ended, outcome);
        assert_eq!(handler.calls.load(SeqCst) - before, calls, "tries of {id}");
    }
    assert_eq!(effects(&db).await, ["1"]);
}

async fn an_open_breaker_costs_no_attempt(db: Db) {
    let handler = Effect::default();
    let breaker = CircuitBreakerConfig {
        consecutive_failures: Some(2),
        ..CircuitBreakerConfig::default()
    };
    let breaker = CircuitBreakerLayer::from_config(breaker).unwrap();
    let stack = ServiceBuilder::new()
        .layer(breaker.with_protocol(Plain::new().classify(verdict)))
        .service(Inbox::new(db.clone(), handler.clone()));
    let consumer = Consumer::new(db.clone(), Bus::memory(), "effects", Types::all(), stack)
        .with_config(config());
    handler.trouble("1", Trouble::Transient, 2);
    let ends = Ends::default();
    let mut delays = Vec::new();
    for delivery in 0..20 {
        match consumer
            .handle(ends.deliver(&event("1", "a")))
            .await
            .unwrap()
        {
            Outcome::Again { .. } if delivery < 2 => {}
            Outcome::NotSent { delay } if delivery >= 2 => delays.push(delay),
            other => panic!("delivery {delivery}: {other:?}"),
        }
    }
    assert_eq!(handler.calls.load(SeqCst), 2);
    assert!(delays.iter().all(|delay| !delay.is_zero()), "{delays:?}");
    let depth = consumer.letters().depth(None).await.unwrap();
    assert_eq!(depth, Depth::default(), "20 deliveries, and no dead letter");
    let (attempts,): (i64,) = sqlx::query_as("SELECT attempts FROM keep_attempts")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(attempts, 2);
}

async fn a_full_bulkhead_costs_no_attempt(db: Db) {
    let handler = Effect::default();
    let bulkhead = BulkheadLayer::new(1);
    let held = bulkhead.handle().acquire().await.unwrap();
    let stack = ServiceBuilder::new()
        .layer(bulkhead.plain())
        .service(Inbox::new(db.clone(), handler.clone()));
    let consumer = Consumer::new(db.clone(), Bus::memory(), "effects", Types::all(), stack)
        .with_config(config());
    let ends = Ends::default();
    for _ in 0..20 {
        let outcome = consumer.handle(ends.deliver(&event("1", "a"))).await;
        assert!(matches!(outcome.unwrap(), Outcome::NotSent { .. }));
    }
    drop(held);
    let outcome = consumer.handle(ends.deliver(&event("1", "a"))).await;
    assert_eq!(outcome.unwrap(), Outcome::Handled);
}

on_both!(
    a_stack_handles_and_its_retries_are_no_attempts,
    an_open_breaker_costs_no_attempt,
    a_full_bulkhead_costs_no_attempt,
);

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use tower_keep::backoff::{Backoff, Jitter};
use tower_keep_durable::{
    Bus, Clock, Consumer, Db, Inbox,
    bus::Types,
    consumer::{ConsumerConfig, Outcome},
    dead_letters::{LetterFilter, LetterState},
};

pub(crate) use crate::effects::SCHEMAS;
use crate::{
    effects::{Effect, Ends, Trouble, effects},
    support::{cut, event},
};

/// A consumer as after a restart: nothing is left but the database.
pub(crate) fn consumer(db: &Db, handler: &Effect) -> Consumer<Inbox<Effect>> {
    let service = Inbox::new(db.clone(), handler.clone());
    Consumer::new(db.clone(), Bus::memory(), "effects", Types::all(), service).with_config(config())
}

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig {
        max_attempts: 4,
        backoff: Backoff {
            jitter: Jitter::None,
            ..ConsumerConfig::default().backoff
        },
        ..ConsumerConfig::default()
    }
}

async fn what_is_handled_is_acknowledged_and_not_handled_again(db: Db) {
    let (handler, ends) = (Effect::default(), Ends::default());
    let consumer = consumer(&db, &handler);
    let event = event("1", "a");
    for _ in 0..20 {
        let outcome = consumer.handle(ends.deliver(&event)).await.unwrap();
        assert_eq!(outcome, Outcome::Handled);
    }
    assert_eq!(effects(&db).await, ["1"]);
    assert_eq!(handler.calls.load(SeqCst), 1);
    assert_eq!((ends.acks(), ends.nacks()), (20, vec![]));
    assert!(letters(&db).await.is_empty(), "duplicates are no failures");
}

async fn the_same_id_of_another_source_is_another_event(db: Db) {
    let (handler, ends) = (Effect::default(), Ends::default());
    let consumer = consumer(&db, &handler);
    for source in ["/one", "/two"] {
        let event = tower_keep_durable::Event::new(source, "test.happened.v1", 1).with_id("1");
        consumer.handle(ends.deliver(&event)).await.unwrap();
    }
    assert_eq!(effects(&db).await, ["1", "1"]);
}

async fn a_failure_is_tried_again_and_then_buried(db: Db) {
    let (handler, ends) = (Effect::default(), Ends::default());
    handler.trouble("1", Trouble::Transient, 100);
    for n in 1..=4 {
        // Each time another process: the count is the database's.
        let consumer = consumer(&db, &handler);
        let outcome = consumer.handle(ends.deliver(&event("1", "a"))).await;
        let buried = matches!(outcome.unwrap(), Outcome::Buried);
        assert_eq!(buried, n == 4, "attempt {n}");
    }
    assert_eq!(ends.acks(), 1);
    assert_eq!(ends.nacks(), [200, 400, 800].map(Duration::from_millis));
    assert!(effects(&db).await.is_empty(), "rolled back");
    let letter = letters(&db).await.remove(0);
    assert_eq!((letter.state, letter.attempts), (LetterState::Dead, 4));
    assert!(letter.reason.ends_with("the moon is full"), "{letter:?}");
}

async fn a_panic_is_a_failure_with_its_message(db: Db) {
    let (handler, ends) = (Effect::default(), Ends::default());
    handler.trouble("1", Trouble::Panic, 4);
    let consumer = consumer(&db, &handler);
    for _ in 0..4 {
        consumer
            .handle(ends.deliver(&event("1", "a")))
            .await
            .unwrap();
    }
    assert_eq!((ends.acks(), ends.nacks().len()), (1, 3));
    let letter = letters(&db).await.remove(0);
    assert_eq!(letter.reason, "the handler panicked: the cup is full");
}

async fn what_kills_the_process_is_buried_without_another_try(db: Db) {
    let (handler, ends) = (Effect::default(), Ends::default());
    handler.trouble("1", Trouble::Hang, 100);
    for _ in 0..4 {
        let before = handler.calls.load(SeqCst);
        let mut dying = Box::pin(consumer(&db, &handler).handle(ends.deliver(&event("1", "a"))));
        while handler.calls.load(SeqCst) == before {
            assert!(cut(1, &mut dying).await.is_none());
            tokio::task::yield_now().await;
        }
    }
    let outcome = consumer(&db, &handler)
        .handle(ends.deliver(&event("1", "a")))
        .await;
    assert_eq!(outcome.unwrap(), Outcome::Buried);
    assert_eq!(handler.calls.load(SeqCst), 4);
    let letter = letters(&db).await.remove(0);
    assert!(
        letter.reason.contains("in each of 4 attempts"),
        "{letter:?}"
    );
}

async fn a_bus_that_counts_saves_the_first_write(db: Db) {
    let (handler, ends) = (Effect::default(), Ends::default());
    let consumer = consumer(&db, &handler);
    consumer
        .handle(ends.deliver(&event("1", "a")).counted())
        .await
        .unwrap();
    assert_eq!(counts(&db).await, 0);
    handler.trouble("2", Trouble::Transient, 100);
    for attempt in 1..=4 {
        let delivery = tower_keep_durable::bus::Delivery::new(
            event("2", "a"),
            attempt,
            Box::new(ends.clone()),
        )
        .counted();
        let outcome = consumer.handle(delivery).await.unwrap();
        assert_eq!(outcome == Outcome::Buried, attempt == 4, "{attempt}");
    }
    assert_eq!(counts(&db).await, 0, "buried, and so forgotten");
}

async fn the_bus_hears_that_a_handler_runs(db: Db) {
    let ends = Ends::default();
    let waits = {
        let ends = ends.clone();
        tower::service_fn(move |_| {
            let ends = ends.clone();
            async move {
                ends.beats(3).await;
                Ok::<_, tower_keep::BoxError>(())
            }
        })
    };
    let consumer = Consumer::new(db.clone(), Bus::memory(), "waits", Types::all(), waits)
        .with_config(ConsumerConfig {
            ack_wait: Duration::from_millis(3),
            ..config()
        });
    let outcome = consumer.handle(ends.deliver(&event("1", "a"))).await;
    assert_eq!(outcome.unwrap(), Outcome::Handled);
}

async fn a_delivery_that_was_taken_over_is_let_go(db: Db) {
    let (handler, ends) = (Effect::default(), Ends::default());
    handler.trouble("1", Trouble::Hang, 1);
    let consumer = consumer(&db, &handler).with_config(ConsumerConfig {
        ack_wait: Duration::from_millis(3),
        ..config()
    });
    ends.take_over();
    let outcome = consumer.handle(ends.deliver(&event("1", "a"))).await;
    assert_eq!(outcome.unwrap(), Outcome::TakenOver);
    assert_eq!((ends.acks(), ends.nacks().len()), (0, 0));
    // The other member's handler is not blocked by what the cut one had begun.
    handler.mend();
    let ends = Ends::default();
    let outcome = consumer.handle(ends.deliver(&event("1", "a"))).await;
    assert_eq!(outcome.unwrap(), Outcome::Handled);
    assert_eq!(effects(&db).await, ["1"]);
}

async fn what_is_old_is_forgotten(db: Db) {
    let db = db.with_clock(Clock::manual());
    let (handler, ends) = (Effect::default(), Ends::default());
    let consumer = consumer(&db, &handler);
    for id in ["1", "2"] {
        consumer
            .handle(ends.deliver(&event(id, "a")))
            .await
            .unwrap();
    }
    consumer.pass().await.unwrap();
    assert_eq!((remembered(&db).await, counts(&db).await), (2, 2));
    db.clock().advance(Duration::from_secs(2 * 24 * 60 * 60));
    consumer.pass().await.unwrap();
    assert_eq!((remembered(&db).await, counts(&db).await), (2, 0));
    db.clock().advance(Duration::from_secs(14 * 24 * 60 * 60));
    consumer.pass().await.unwrap();
    assert_eq!((remembered(&db).await, counts(&db).await), (0, 0));
}

async fn letters(db: &Db) -> Vec<tower_keep_durable::dead_letters::Letter> {
    tower_keep_durable::DeadLetters::new(db.clone())
        .list(&LetterFilter::default())
        .await
        .unwrap()
}

async fn remembered(db: &Db) -> i64 {
    rows(db, "SELECT COUNT(*) FROM keep_inbox").await
}

async fn counts(db: &Db) -> i64 {
    rows(db, "SELECT COUNT(*) FROM keep_attempts").await
}

async fn rows(db: &Db, count: &'static str) -> i64 {
    let (count,): (i64,) = sqlx::query_as(count).fetch_one(db.pool()).await.unwrap();
    count
}

on_both!(
    what_is_handled_is_acknowledged_and_not_handled_again,
    the_same_id_of_another_source_is_another_event,
    a_failure_is_tried_again_and_then_buried,
    a_panic_is_a_failure_with_its_message,
    what_kills_the_process_is_buried_without_another_try,
    a_bus_that_counts_saves_the_first_write,
    the_bus_hears_that_a_handler_runs,
    a_delivery_that_was_taken_over_is_let_go,
    what_is_old_is_forgotten,
);

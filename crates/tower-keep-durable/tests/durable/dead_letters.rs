use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use tower_keep_durable::{
    Bus, Clock, Consumer, Db, DeadLetters, Inbox,
    bus::Types,
    consumer::Outcome,
    dead_letters::{Depth, LetterError, LetterFilter, LetterState},
    inbox::HandlerError,
};

use crate::{
    consumer::{SCHEMAS, consumer},
    effects::{Effect, Ends, Trouble, effects},
    support::{cut, end_leases, event},
};

type Plain = Consumer<Inbox<Effect>>;

async fn deliver(consumer: &Plain, id: &str, key: &str) -> Outcome {
    let ends = Ends::default();
    let outcome = consumer.handle(ends.deliver(&event(id, key))).await;
    assert_eq!(ends.acks(), 1, "{id} is the bus' no longer");
    outcome.unwrap()
}

async fn states(letters: &DeadLetters) -> Vec<LetterState> {
    let all = letters.list(&LetterFilter::default()).await.unwrap();
    all.iter().map(|letter| letter.state).collect()
}

async fn poison_parks_its_key_until_it_is_replayed(db: Db) {
    let handler = Effect::default();
    let consumer = consumer(&db, &handler);
    handler.trouble("1", Trouble::Poison, 100);
    assert_eq!(deliver(&consumer, "1", "a").await, Outcome::Buried);
    assert_eq!(deliver(&consumer, "2", "a").await, Outcome::Parked);
    assert_eq!(deliver(&consumer, "3", "b").await, Outcome::Handled);
    assert_eq!(deliver(&consumer, "1", "a").await, Outcome::Known);
    assert_eq!(deliver(&consumer, "2", "a").await, Outcome::Known);
    assert_eq!(deliver(&consumer, "4", "a").await, Outcome::Parked);
    assert_eq!(consumer.pass().await.unwrap().replayed, 0);
    assert_eq!(effects(&db).await, ["3"]);

    let letters = DeadLetters::new(db.clone());
    let depth = Depth {
        dead: 1,
        released: 0,
        parked: 2,
    };
    assert_eq!(letters.depth(None).await.unwrap(), depth);
    assert_eq!(letters.depth(Some("other")).await.unwrap().dead, 0);
    let dead = letters.list(&LetterFilter::default()).await.unwrap()[0].id;
    // Still poison: it is dead again, and nothing overtakes it.
    letters.replay(dead).await.unwrap();
    assert_eq!(consumer.pass().await.unwrap().failed, 1);
    assert_eq!(letters.get(dead).await.unwrap().attempts, 2);
    assert_eq!(letters.depth(None).await.unwrap(), depth);

    handler.mend();
    letters.replay(dead).await.unwrap();
    // What arrives before the pass waits with the others.
    assert_eq!(deliver(&consumer, "5", "a").await, Outcome::Parked);
    assert_eq!(consumer.pass().await.unwrap().replayed, 4);
    assert_eq!(effects(&db).await, ["3", "1", "2", "4", "5"]);
    assert_eq!(deliver(&consumer, "6", "a").await, Outcome::Handled);
    assert_eq!(deliver(&consumer, "2", "a").await, Outcome::Known);
    assert_eq!(letters.depth(None).await.unwrap(), Depth::default());
}

async fn a_discarded_letter_lets_the_next_go_on(db: Db) {
    let handler = Effect::default();
    let consumer = consumer(&db, &handler);
    handler.trouble("1", Trouble::Poison, 100);
    for id in ["1", "2"] {
        deliver(&consumer, id, "a").await;
    }
    let letters = consumer.letters();
    let [one, two] = ids(&letters).await.try_into().unwrap();
    letters.discard(one, "ada", "a test order").await.unwrap();
    assert_eq!(consumer.pass().await.unwrap().replayed, 1);
    assert_eq!(effects(&db).await, ["2"]);
    let letter = letters.get(one).await.unwrap();
    assert_eq!(letter.note.as_deref(), Some("ada: a test order"));
    assert_eq!(letter.state, LetterState::Discarded);
    for (error, says) in [
        (letters.replay(one).await.unwrap_err(), "is discarded"),
        (letters.replay(two).await.unwrap_err(), "is replayed"),
        (letters.discard(two, "", "").await.unwrap_err(), "already"),
        (letters.replay(two + 1).await.unwrap_err(), "no letter"),
    ] {
        assert!(error.to_string().contains(says), "{error}");
    }
}

async fn events_without_a_key_wait_for_nobody(db: Db) {
    let handler = Effect::default();
    let consumer = consumer(&db, &handler);
    handler.trouble("1", Trouble::Poison, 100);
    assert_eq!(deliver(&consumer, "1", "").await, Outcome::Buried);
    assert_eq!(deliver(&consumer, "2", "").await, Outcome::Handled);
}

async fn a_replay_that_fails_waits_and_dies_again(db: Db) {
    let db = db.with_clock(Clock::manual());
    let handler = Effect::default();
    let consumer = consumer(&db, &handler);
    handler.trouble("1", Trouble::Poison, 1);
    for id in ["1", "2"] {
        deliver(&consumer, id, "a").await;
    }
    handler.trouble("1", Trouble::Transient, 4);
    let letters = consumer.letters();
    let one = ids(&letters).await[0];
    letters.replay(one).await.unwrap();
    for millis in [200, 400, 800] {
        assert_eq!(consumer.pass().await.unwrap().failed, 1);
        assert_eq!(consumer.pass().await.unwrap().failed, 0, "not due yet");
        db.clock().advance(Duration::from_millis(millis));
    }
    assert_eq!(consumer.pass().await.unwrap().failed, 1);
    let expected = [LetterState::Dead, LetterState::Parked];
    assert_eq!(states(&letters).await, expected);
    // Released, it has all its tries again.
    letters.replay(one).await.unwrap();
    assert_eq!(consumer.pass().await.unwrap().replayed, 2);
    assert_eq!(effects(&db).await, ["1", "2"]);
}

async fn lists_are_pages_and_filters(db: Db) {
    let handler = Effect::default();
    let consumer = consumer(&db, &handler);
    handler.trouble("1", Trouble::Poison, 100);
    handler.trouble("4", Trouble::Poison, 100);
    for (id, key) in [("1", "a"), ("2", "a"), ("3", "a"), ("4", "b")] {
        deliver(&consumer, id, key).await;
    }
    let letters = consumer.letters();
    let list = async |filter: LetterFilter| {
        let found = letters.list(&filter).await.unwrap();
        found.iter().map(|letter| letter.id).collect::<Vec<_>>()
    };
    let all = LetterFilter::default;
    let ids = list(all()).await;
    assert_eq!(ids.len(), 4);
    let page = LetterFilter {
        after: ids[0],
        limit: 2,
        ..all()
    };
    assert_eq!(list(page).await, ids[1..3]);
    let parked = LetterFilter {
        state: Some(LetterState::Parked),
        ..all()
    };
    assert_eq!(list(parked).await, ids[1..3]);
    let of_b = LetterFilter {
        key: Some("b".to_owned()),
        ..all()
    };
    assert_eq!(list(of_b).await, ids[3..]);
    let of_nobody = LetterFilter {
        consumer: Some("nobody".to_owned()),
        ..all()
    };
    assert_eq!(list(of_nobody).await, Vec::<i64>::new());
    let unknown = "buried".parse::<LetterState>().unwrap_err();
    assert!(matches!(unknown, LetterError::State(_)));
}

async fn what_another_member_handled_meanwhile_is_not_buried(db: Db) {
    let (handler, ends) = (Effect::default(), Ends::default());
    let slow = {
        let (db, handler) = (db.clone(), handler.clone());
        tower::service_fn(move |event| {
            let other = Inbox::new(db.clone(), handler.clone());
            async move {
                // Its partition went to another member, which was done first.
                tower::ServiceExt::oneshot(other, event).await?;
                Err::<(), tower_keep::BoxError>(HandlerError::poison("too late").into())
            }
        })
    };
    let consumer = Consumer::new(db.clone(), Bus::memory(), "effects", Types::all(), slow);
    let outcome = consumer.handle(ends.deliver(&event("1", "a"))).await;
    assert_eq!((outcome.unwrap(), ends.acks()), (Outcome::Handled, 1));
    assert_eq!(states(&consumer.letters()).await, []);
    assert_eq!(effects(&db).await, ["1"]);
}

async fn a_letter_that_kills_the_process_dies_again(db: Db) {
    let handler = Effect::default();
    handler.trouble("1", Trouble::Poison, 1);
    for id in ["1", "2"] {
        deliver(&consumer(&db, &handler), id, "a").await;
    }
    let letters = DeadLetters::new(db.clone());
    let one = ids(&letters).await[0];
    letters.replay(one).await.unwrap();
    handler.trouble("1", Trouble::Hang, 100);
    for _ in 0..4 {
        let before = handler.calls.load(SeqCst);
        let mut dying = Box::pin(consumer(&db, &handler).pass());
        while handler.calls.load(SeqCst) == before {
            assert!(cut(1, &mut dying).await.is_none());
            tokio::task::yield_now().await;
        }
        drop(dying);
        end_leases(&db).await;
    }
    assert_eq!(consumer(&db, &handler).pass().await.unwrap().failed, 1);
    let letter = letters.get(one).await.unwrap();
    assert_eq!((letter.state, letter.attempts), (LetterState::Dead, 6));
    assert!(letter.reason.contains("in each of 4"), "{letter:?}");
}

async fn letters_that_are_closed_are_deleted_in_the_end(db: Db) {
    let db = db.with_clock(Clock::manual());
    let handler = Effect::default();
    let consumer = consumer(&db, &handler);
    handler.trouble("1", Trouble::Poison, 100);
    handler.trouble("2", Trouble::Poison, 100);
    for (id, key) in [("1", "a"), ("2", "b")] {
        deliver(&consumer, id, key).await;
    }
    let letters = consumer.letters();
    let one = ids(&letters).await[0];
    letters.discard(one, "ada", "old").await.unwrap();
    let mut left = Vec::new();
    for days in [29, 2] {
        db.clock().advance(Duration::from_secs(days * 24 * 60 * 60));
        consumer.pass().await.unwrap();
        left.push(states(&letters).await.len());
    }
    assert_eq!(left, [2, 1], "what is open stays");
}

/// Each round cuts every delivery and every pass off after so many polls, once, and lets it run then.
async fn cut_off_anywhere_each_event_has_one_effect_in_order(db: Db) {
    let handler = Effect::default();
    let mut expected = Vec::new();
    for polls in 0.. {
        let mut cuts = 0;
        let ids = [1, 2, 3, 4].map(|n| format!("{polls}-{n}"));
        handler.trouble(&ids[1], Trouble::Poison, 1);
        handler.trouble(&ids[2], Trouble::Transient, 1);
        for id in &ids {
            let (ends, event) = (Ends::default(), event(id, "a"));
            let dying = consumer(&db, &handler).handle(ends.deliver(&event));
            cuts += usize::from(cut(polls, dying).await.is_none());
            while ends.acks() == 0 {
                let again = consumer(&db, &handler).handle(ends.deliver(&event));
                again.await.unwrap();
            }
        }
        let letters = DeadLetters::new(db.clone());
        for first in [true, false, false] {
            let dead = LetterFilter {
                state: Some(LetterState::Dead),
                ..LetterFilter::default()
            };
            for letter in letters.list(&dead).await.unwrap() {
                letters.replay(letter.id).await.unwrap();
            }
            end_leases(&db).await;
            let consumer = consumer(&db, &handler);
            if first {
                cuts += usize::from(cut(polls, consumer.pass()).await.is_none());
                end_leases(&db).await;
            }
            // What waits for a backoff is due at once.
            sqlx::query("UPDATE keep_letters SET due_at = 0")
                .execute(db.pool())
                .await
                .unwrap();
            consumer.pass().await.unwrap();
        }
        assert_eq!(letters.depth(None).await.unwrap(), Depth::default());
        expected.extend(ids);
        assert_eq!(effects(&db).await, expected, "cut off after {polls} polls");
        if cuts == 0 {
            break;
        }
    }
}

async fn ids(letters: &DeadLetters) -> Vec<i64> {
    let all = letters.list(&LetterFilter::default()).await.unwrap();
    all.iter().map(|letter| letter.id).collect()
}

on_both!(
    poison_parks_its_key_until_it_is_replayed,
    a_discarded_letter_lets_the_next_go_on,
    events_without_a_key_wait_for_nobody,
    a_replay_that_fails_waits_and_dies_again,
    lists_are_pages_and_filters,
    what_another_member_handled_meanwhile_is_not_buried,
    a_letter_that_kills_the_process_dies_again,
    letters_that_are_closed_are_deleted_in_the_end,
    cut_off_anywhere_each_event_has_one_effect_in_order,
);

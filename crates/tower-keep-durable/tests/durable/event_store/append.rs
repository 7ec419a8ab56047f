use tower_keep_durable::{
    Db, Event,
    event::InvalidEvent,
    event_store::{EventStore, Expected, StoreError},
};

use super::{SCHEMAS, added, all, append, load};

fn actual(failed: Result<impl std::fmt::Debug, StoreError>) -> i64 {
    match failed {
        Err(StoreError::Conflict { actual, .. }) => actual,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

async fn a_stream_is_where_it_was_expected_or_nothing_is_appended(db: Db) {
    use Expected::{Any, Empty, Version};
    assert_eq!(actual(append(&db, "a", Version(1), &[added(0)]).await), 0);
    let two = append(&db, "a", Empty, &[added(1), added(2)])
        .await
        .unwrap();
    assert_eq!(two.version, 2);
    assert_eq!(actual(append(&db, "a", Empty, &[added(0)]).await), 2);
    assert_eq!(actual(append(&db, "a", Version(1), &[added(0)]).await), 2);
    assert_eq!(actual(append(&db, "a", Version(3), &[added(0)]).await), 2);
    let three = append(&db, "a", Version(2), &[added(3)]).await.unwrap();
    assert_eq!(three.version, 3);
    assert!(three.position > two.position);
    assert_eq!(append(&db, "a", Any, &[added(4)]).await.unwrap().version, 4);
    assert_eq!(append(&db, "b", Any, &[added(5)]).await.unwrap().version, 1);
    let none = append(&db, "a", Version(4), &[]).await.unwrap();
    assert_eq!((none.version, none.position), (4, 0));
    assert_eq!(all(&db, 2).await, [1, 2, 3, 4, 5]);
}

async fn a_conflict_leaves_the_transaction_good(db: Db) {
    append(&db, "a", Expected::Empty, &[added(1)])
        .await
        .unwrap();
    let store = EventStore::new(&db);
    let mut tx = db.begin_write().await.unwrap();
    let failed = store
        .append(&mut tx, "a", Expected::Empty, &[added(0)])
        .await;
    assert_eq!(actual(failed), 1);
    let expected = Expected::Version(1);
    store
        .append(&mut tx, "a", expected, &[added(2)])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(all(&db, 9).await, [1, 2]);
}

async fn what_comes_back_is_what_was_appended_page_by_page(db: Db) {
    let events: Vec<_> = (1..=5)
        .map(|n| added(n).about("x").with("odd", n % 2 == 1))
        .collect();
    append(&db, "a", Expected::Any, &events).await.unwrap();
    append(&db, "b", Expected::Any, &[added(9)]).await.unwrap();
    let first = load(&db, "a", 0, 3).await;
    let rest = load(&db, "a", first[2].version, 3).await;
    assert_eq!((first.len(), rest.len()), (3, 2));
    for ((recorded, event), version) in first.iter().chain(&rest).zip(&events).zip(1..) {
        assert_eq!((&recorded.event, recorded.version), (event, version));
        assert_eq!(recorded.stream, "a");
    }
}

async fn of_those_who_append_at_the_same_place_one_does(db: Db) {
    for round in 0..10 {
        let racers: Vec<_> = (0..4)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move {
                    append(&db, "a", Expected::Version(round), &[added(n)]).await
                })
            })
            .collect();
        let mut won = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Ok(appended) => won += appended.version - round,
                failed => assert_eq!(actual(failed), round + 1),
            }
        }
        assert_eq!(won, 1);
    }
}

async fn those_who_do_not_care_all_append(db: Db) {
    let racers: Vec<_> = (0..8)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move { append(&db, "a", Expected::Any, &[added(n)]).await })
        })
        .collect();
    for racer in racers {
        racer.await.unwrap().unwrap();
    }
    let versions: Vec<_> = load(&db, "a", 0, 9)
        .await
        .iter()
        .map(|event| event.version)
        .collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
}

async fn what_is_published_was_appended(db: Db) {
    let store = EventStore::new(&db);
    let told = async || -> i64 {
        let (n,) = sqlx::query_as("SELECT COUNT(*) FROM keep_outbox")
            .fetch_one(db.pool())
            .await
            .unwrap();
        n
    };
    let events = [added(1), added(2)];
    for (stays, expected) in [(false, 0), (true, 2)] {
        let mut tx = db.begin_write().await.unwrap();
        store
            .append_and_publish(&mut tx, "a", Expected::Any, &events)
            .await
            .unwrap();
        match stays {
            true => tx.commit().await.unwrap(),
            false => tx.rollback().await.unwrap(),
        }
        assert_eq!(told().await, expected);
    }
    let mut tx = db.begin_write().await.unwrap();
    let failed = store
        .append_and_publish(&mut tx, "a", Expected::Empty, &[added(3)])
        .await;
    assert_eq!(actual(failed), 2);
    tx.commit().await.unwrap();
    assert_eq!(told().await, 2);
}

async fn old_events_are_read_in_the_words_of_today(db: Db) {
    fn upcast(event: Event) -> Result<Event, InvalidEvent> {
        match event.kind() {
            "test.added.v1" => {
                let n: i64 = event.read()?;
                Ok(event.retold("test.added.v2", [n, 1]))
            }
            _ => Ok(event),
        }
    }
    append(&db, "a", Expected::Any, &[added(7)]).await.unwrap();
    let store = EventStore::new(&db).upcasting(upcast);
    let mut connection = db.pool().acquire().await.unwrap();
    let loaded = store.load(&mut connection, "a", 0, 1).await.unwrap();
    assert_eq!(loaded[0].kind(), "test.added.v2");
    assert_eq!(loaded[0].read::<[i64; 2]>().unwrap(), [7, 1]);
    assert_eq!(store.read_all(0, 1).await.unwrap(), loaded);

    let odd = Event::new("/test", "test.added.v1", "no number");
    append(&db, "a", Expected::Any, &[odd]).await.unwrap();
    let error = store
        .load(&mut connection, "a", 1, 1)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("event 2 of the stream \"a\""), "{error}");
}

on_both! {
    a_stream_is_where_it_was_expected_or_nothing_is_appended
    a_conflict_leaves_the_transaction_good
    what_comes_back_is_what_was_appended_page_by_page
    of_those_who_append_at_the_same_place_one_does
    those_who_do_not_care_all_append
    what_is_published_was_appended
    old_events_are_read_in_the_words_of_today
}

use std::{future::pending, time::Duration};

use tower_keep_durable::{
    Bus, Clock, Db, Outbox, Tx, consumer,
    db::Schema,
    event::InvalidEvent,
    inbox::HandlerError,
    outbox::{self, NotSetAside, RelayConfig},
};

use crate::support::{Recorder, cut, end_leases, event};

const SCHEMAS: [Schema; 1] = [outbox::SCHEMA];

async fn append(outbox: &Outbox, db: &Db, events: &[(&str, &str)]) {
    let mut tx: Tx = db.begin_write().await.unwrap();
    for (id, key) in events {
        outbox.append(&mut tx, &event(id, key)).await.unwrap();
    }
    outbox.commit(tx).await.unwrap();
}

fn config(batch: u32) -> RelayConfig {
    RelayConfig {
        batch,
        ..RelayConfig::default()
    }
}

async fn what_is_committed_is_published_once_and_in_order(db: Db) {
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let relay = outbox.relay(Bus::new(bus.clone()), config(2));
    append(&outbox, &db, &[("1", "a"), ("2", "b"), ("3", "a")]).await;
    let mut tx = db.begin_write().await.unwrap();
    outbox.append(&mut tx, &event("never", "a")).await.unwrap();
    tx.rollback().await.unwrap();
    let sent = [2, 1, 0];
    for sent in sent {
        assert_eq!(relay.pass().await.unwrap().sent, sent);
    }
    // Appended again: left as it is.
    append(&outbox, &db, &[("1", "a"), ("4", "")]).await;
    relay.pass().await.unwrap();
    assert_eq!(bus.ids(), ["1", "2", "3", "4"]);
}

/// What the bus would say later, in the transaction of whoever made it, which goes on without.
async fn what_no_bus_takes_is_not_even_appended(db: Db) {
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let relay = outbox.relay(Bus::new(bus.clone()), config(100));
    let mut tx = db.begin_write().await.unwrap();
    let bad = event("bad", "a").about("two\nlines");
    let refused = outbox.append(&mut tx, &bad).await.unwrap_err();
    let invalid = std::error::Error::source(&refused)
        .and_then(|source| source.downcast_ref::<InvalidEvent>())
        .expect("it says what is wrong");
    assert_eq!(invalid.attribute(), "subject");
    assert_eq!(invalid.to_string(), bad.check().unwrap_err().to_string());
    assert_eq!(
        consumer::verdict(&Err(HandlerError::from(refused).into())),
        consumer::verdict(&Err(HandlerError::poison("never").into())),
        "a handler that makes it need not be tried again"
    );
    outbox.append(&mut tx, &event("good", "a")).await.unwrap();
    outbox.commit(tx).await.unwrap();
    assert_eq!(relay.pass().await.unwrap().refused, 0);
    assert_eq!(bus.ids(), ["good"]);
}

async fn a_bus_that_is_down_loses_nothing(db: Db) {
    let db = db.with_clock(Clock::manual());
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let relay = outbox.relay(Bus::new(bus.clone()), config(100));
    append(&outbox, &db, &[("1", "a"), ("2", "a")]).await;
    bus.down(true);
    db.clock().advance(Duration::from_secs(7));
    relay.pass().await.unwrap_err();
    let backlog = outbox.backlog().await.unwrap();
    assert_eq!(backlog.unsent, 2);
    assert_eq!(backlog.oldest, Duration::from_secs(7));
    bus.down(false);
    relay.pass().await.unwrap();
    assert_eq!(bus.ids(), ["1", "2"]);
    assert_eq!(outbox.backlog().await.unwrap(), outbox::Backlog::default());
}

async fn a_refused_event_holds_its_key_and_no_other(db: Db) {
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let relay = outbox.relay(Bus::new(bus.clone()), config(100));
    bus.refuse("bad");
    append(
        &outbox,
        &db,
        &[("1", "a"), ("bad", "a"), ("2", "a"), ("3", "b")],
    )
    .await;
    let done = relay.pass().await.unwrap();
    assert_eq!((done.sent, done.refused), (2, 1));
    append(&outbox, &db, &[("4", "a"), ("5", "b")]).await;
    relay.pass().await.unwrap();
    assert_eq!(bus.first_ids(), ["1", "3", "5"]);

    let [aside] = outbox.set_aside(10).await.unwrap().try_into().unwrap();
    assert_eq!((aside.waiting, aside.reason.as_str()), (2, "too large"));
    assert_eq!(outbox.backlog().await.unwrap().refused, 1);
    let missing = outbox.release(aside.position + 1).await.unwrap_err();
    assert!(matches!(missing, NotSetAside::Unknown(_)), "{missing}");

    bus.accept_all();
    outbox.release(aside.position).await.unwrap();
    relay.pass().await.unwrap();
    assert_eq!(bus.first_ids(), ["1", "3", "5", "bad", "2", "4"]);
}

async fn a_row_that_nobody_can_read_is_set_aside(db: Db) {
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let relay = outbox.relay(Bus::new(bus.clone()), config(100));
    append(&outbox, &db, &[("1", "a"), ("2", "a"), ("3", "b")]).await;
    sqlx::query("UPDATE keep_outbox SET body = 'torn' WHERE id = '1'")
        .execute(db.pool())
        .await
        .unwrap();
    let done = relay.pass().await.unwrap();
    assert_eq!((done.sent, done.refused), (1, 1));
    assert_eq!(bus.ids(), ["3"]);
}

async fn a_discarded_event_lets_the_next_go_on(db: Db) {
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let relay = outbox.relay(Bus::new(bus.clone()), config(100));
    bus.refuse("bad");
    append(&outbox, &db, &[("bad", "a"), ("2", "a")]).await;
    assert_eq!(relay.pass().await.unwrap().sent, 0);
    let aside = outbox.set_aside(10).await.unwrap().remove(0);
    outbox
        .discard(aside.position, "ada", "twice")
        .await
        .unwrap();
    relay.pass().await.unwrap();
    assert_eq!(bus.ids(), ["2"]);
    let (why,): (String,) = sqlx::query_as("SELECT discarded FROM keep_outbox WHERE id = 'bad'")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(why, "ada: twice");
}

async fn a_paused_leader_only_repeats(db: Db) {
    let db = db.with_clock(Clock::manual());
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let old = outbox.relay(Bus::new(bus.clone()), config(100));
    let new = outbox.relay(Bus::new(bus.clone()), config(100));
    append(&outbox, &db, &[("1", "a"), ("2", "a")]).await;
    bus.hold_confirms();
    let mut paused = Box::pin(old.pass());
    // As far as the bus: it stores, and the confirm is on its way for a long time.
    while bus.ids().len() < 2 {
        assert!(cut(1, &mut paused).await.is_none());
        tokio::task::yield_now().await;
    }
    assert!(!new.pass().await.unwrap().leads, "the lease holds");
    db.clock().advance(Duration::from_secs(6));
    bus.confirm(3);
    assert_eq!(new.pass().await.unwrap().sent, 2);
    append(&outbox, &db, &[("3", "a")]).await;
    assert_eq!(new.pass().await.unwrap().sent, 1);
    let sent_at = "SELECT MAX(sent_at) FROM keep_outbox WHERE id <> '3'";
    let before: (i64,) = sqlx::query_as(sent_at).fetch_one(db.pool()).await.unwrap();
    db.clock().advance(Duration::from_secs(1));
    bus.confirm(1);
    paused.await.unwrap();
    let after: (i64,) = sqlx::query_as(sent_at).fetch_one(db.pool()).await.unwrap();
    assert_eq!(before, after, "what was marked is not marked again");
    assert_eq!(bus.ids(), ["1", "2", "1", "2", "3"]);
    assert!(!old.pass().await.unwrap().leads);
}

async fn cut_off_anywhere_it_goes_on(db: Db) {
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let mut expected = Vec::new();
    // The polls that an await takes differ from run to run, so sweep until a cut fell between the bus
    // and the mark.
    for round in 0..50 {
        for polls in 0.. {
            let ids = [0, 1, 2].map(|n| format!("{round}-{polls}-{n}"));
            append(&outbox, &db, &ids.each_ref().map(|id| (id.as_str(), "a"))).await;
            expected.extend(ids);
            end_leases(&db).await;
            let relay = outbox.relay(Bus::new(bus.clone()), config(2));
            let ended = cut(polls, relay.pass()).await;
            end_leases(&db).await;
            let relay = outbox.relay(Bus::new(bus.clone()), config(2));
            while outbox.backlog().await.unwrap().unsent > 0 {
                relay.pass().await.unwrap();
            }
            assert_eq!(bus.first_ids(), expected, "cut off after {polls} polls");
            if let Some(ended) = ended {
                assert_eq!(ended.unwrap().sent, 2);
                break;
            }
        }
        if round >= 3 && bus.ids().len() > expected.len() {
            return;
        }
    }
    panic!("no cut was between bus and mark");
}

async fn what_was_sent_is_deleted_in_pieces(db: Db) {
    let db = db.with_clock(Clock::manual());
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let relay = outbox.relay(Bus::new(bus.clone()), config(1000));
    let ids: Vec<_> = (0..700).map(|n| n.to_string()).collect();
    let events: Vec<_> = ids.iter().map(|id| (id.as_str(), "a")).collect();
    append(&outbox, &db, &events).await;
    assert_eq!(relay.pass().await.unwrap().sent, 700);
    let mut left = Vec::new();
    for wait in [23, 2, 0] {
        db.clock().advance(Duration::from_secs(wait * 60 * 60));
        relay.pass().await.unwrap();
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM keep_outbox")
            .fetch_one(db.pool())
            .await
            .unwrap();
        left.push(count);
    }
    assert_eq!(left, [700, 200, 0]);
}

async fn an_append_wakes_the_relay(db: Db) {
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let slow = RelayConfig {
        poll: Duration::from_secs(60 * 60),
        ..RelayConfig::default()
    };
    let relay = outbox.relay(Bus::new(bus.clone()), slow);
    let running = tokio::spawn(async move { relay.run(pending()).await });
    for id in ["1", "2", "3"] {
        append(&outbox, &db, &[(id, "a")]).await;
        while outbox.backlog().await.unwrap().unsent > 0 {
            tokio::task::yield_now().await;
        }
    }
    running.abort();
    assert_eq!(bus.ids(), ["1", "2", "3"]);
}

on_both!(
    what_is_committed_is_published_once_and_in_order,
    what_no_bus_takes_is_not_even_appended,
    a_bus_that_is_down_loses_nothing,
    a_refused_event_holds_its_key_and_no_other,
    a_discarded_event_lets_the_next_go_on,
    a_row_that_nobody_can_read_is_set_aside,
    a_paused_leader_only_repeats,
    cut_off_anywhere_it_goes_on,
    what_was_sent_is_deleted_in_pieces,
    an_append_wakes_the_relay,
);

//! How many transactions a bus on SQLite commits: each ends with a frame of the write-ahead log that
//! says so.

use std::{path::Path, slice};

use tower_keep_durable::{
    Db,
    bus::{Types, table::SCHEMA},
    db::file_url,
};

use crate::{suite::event, table::open};

/// The commits in the write-ahead log of a database that was not written to file yet.
fn commits(file: &Path) -> usize {
    let log = std::fs::read(file.with_extension("db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let (page, salt) = (number(8) as usize, &log[16..24]);
    let frames = log[32..].chunks_exact(24 + page);
    assert!(frames.len() < 1000, "the log may have begun anew");
    // A frame of another salt is what is left of an older log.
    let frames = frames.filter(|frame| &frame[8..16] == salt);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

const EVENTS: usize = 20;

/// Events that come one by one, each handled before the next. Many groups want none of them.
#[tokio::test]
async fn an_event_at_leisure_costs_few_commits_however_many_do_not_want_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bus.db");
    let db = Db::open(&file_url(&file), &[SCHEMA]).await.unwrap();
    let bus = open(&db).await;
    let mut member = bus.subscribe("g", &Types::all()).await.unwrap();
    let mut others = tokio::task::JoinSet::new();
    for n in 0..4 {
        let types = Types::of(["nothing"]);
        let mut other = bus.subscribe(&format!("other-{n}"), &types).await.unwrap();
        others.spawn(async move { other.next().await.map(drop) });
    }
    let before = commits(&file);
    for n in 0..EVENTS {
        let event = event("a", n);
        bus.publish(slice::from_ref(&event)).await.unwrap();
        member.next().await.unwrap().ack().await.unwrap();
    }
    let each = commits(&file) - before;
    println!("{each} commits for {EVENTS} events at leisure");
    // One to publish, one to give it out, one for the acknowledgement that nobody else came along with.
    assert!(each <= 3 * EVENTS, "{each} commits for {EVENTS} events");
}

/// Acknowledgements that nobody waits for go with the next event.
#[tokio::test]
async fn an_acknowledgement_goes_with_what_is_published_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bus.db");
    let db = Db::open(&file_url(&file), &[SCHEMA]).await.unwrap();
    let bus = open(&db).await;
    let mut member = bus.subscribe("g", &Types::all()).await.unwrap();
    bus.publish(&[event("a", 0)]).await.unwrap();
    let before = commits(&file);
    for n in 1..=EVENTS {
        let delivery = member.next().await.unwrap();
        let next = event("a", n);
        let (acked, published) = tokio::join!(delivery.ack(), bus.publish(slice::from_ref(&next)));
        acked.unwrap();
        published.unwrap();
    }
    let each = commits(&file) - before;
    println!("{each} commits for {EVENTS} events one after the other");
    assert!(each <= 2 * EVENTS, "{each} commits for {EVENTS} events");
}

//! `keep`, run as a process on a database that a service has open.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod sagas;

use std::process::{Command, Output};

use serde_json::{Value, json};
use tower_keep_durable::{
    Bus, Consumer, Db, Event, Outbox,
    bus::{Acknowledge, Backend, Boxed, BusError, Delivery, Source, Types},
    consumer,
    inbox::HandlerError,
    outbox::{self, RelayConfig},
    testing::TestDb,
};

fn keep(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keep"))
        .args(arguments)
        .env_remove("KEEP_DB")
        .output()
        .unwrap()
}

/// What it prints; it must succeed.
fn text(url: &str, arguments: &[&str]) -> String {
    let ended = keep(&[&["--db", url], arguments].concat());
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{arguments:?}: {error}");
    String::from_utf8(ended.stdout).unwrap()
}

fn json(url: &str, arguments: &[&str]) -> Value {
    serde_json::from_str(&text(url, &[&["--json"], arguments].concat())).unwrap()
}

/// What it complains of; it must fail.
fn complaint(arguments: &[&str]) -> String {
    let ended = keep(arguments);
    assert!(!ended.status.success(), "{arguments:?} should fail");
    assert!(ended.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(ended.stderr).unwrap()
}

#[derive(Debug)]
struct Forgetful;

impl Acknowledge for Forgetful {
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { Ok(()) })
    }

    fn nack(&mut self, _: std::time::Duration) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { Ok(()) })
    }

    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Debug)]
struct Refuses;

impl Backend for Refuses {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(async {
            Err(BusError::Refused {
                id: events[0].id().to_owned(),
                reason: "too large".to_owned(),
            })
        })
    }

    fn subscribe<'a>(
        &'a self,
        _: &'a str,
        _: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async { Err(BusError::Misconfigured("takes nothing".to_owned())) })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { Ok(()) })
    }
}

fn event(id: &str) -> Event {
    Event::new("/test", "test.happened.v1", json!({"n": 1}))
        .with_id(id)
        .keyed("order-7")
}

async fn bury_and_park(db: Db) {
    let fails = tower::service_fn(|_| async { Err(HandlerError::poison("no such product")) });
    let consumer = Consumer::new(db, Bus::memory(), "inventory", Types::all(), fails);
    for id in ["1", "2"] {
        let delivery = Delivery::new(event(id), 1, Box::new(Forgetful));
        consumer.handle(delivery).await.unwrap();
    }
}

#[tokio::test]
async fn letters_are_listed_shown_replayed_and_discarded() {
    let file = TestDb::sqlite(&consumer::SCHEMAS).await;
    let url = file.url();
    bury_and_park(file.db.clone()).await;

    let list = text(url, &["letters", "list"]);
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[1].contains("dead") && lines[1].contains("no such product"));
    assert!(lines[2].contains("parked") && lines[2].contains("order-7"));

    let dead = json(url, &["letters", "list", "--state", "dead"]);
    assert_eq!(dead.as_array().unwrap().len(), 1);
    assert_eq!(dead[0]["event"]["data"], json!({"n": 1}));
    let id = dead[0]["id"].to_string();
    let other = ["letters", "list", "--consumer", "other"];
    assert_eq!(json(url, &other), json!([]));

    json(url, &["letters", "replay", &id]);
    assert_eq!(json(url, &["letters", "show", &id])["state"], "released");
    let discard = [
        "letters", "discard", &id, "--reason", "a test", "--by", "ada",
    ];
    text(url, &discard);
    let shown = text(url, &["letters", "show", &id]);
    assert!(shown.contains("ada: a test") && shown.contains("test.happened.v1"));

    let twice = complaint(&[&["--db", url], &discard[..]].concat());
    assert!(twice.contains("is discarded already"), "{twice}");
    let unknown = complaint(&["letters", "replay", "99", "--db", url]);
    assert!(unknown.contains("there is no letter 99"), "{unknown}");
}

#[tokio::test]
async fn refused_events_are_shown_released_and_discarded() {
    let file = TestDb::sqlite(&[outbox::SCHEMA]).await;
    let (url, outbox) = (file.url(), Outbox::new(file.db.clone()));
    let mut tx = file.db.begin_write().await.unwrap();
    for id in ["1", "2"] {
        outbox.append(&mut tx, &event(id)).await.unwrap();
    }
    outbox.commit(tx).await.unwrap();
    let relay = outbox.relay(Bus::new(Refuses), RelayConfig::default());
    relay.pass().await.unwrap();

    let status = json(url, &["outbox", "status"]);
    assert_eq!(
        (&status["unsent"], &status["refused"]),
        (&json!(2), &json!(1))
    );
    let aside = &status["set_aside"][0];
    assert_eq!(
        (&aside["waiting"], &aside["reason"]),
        (&json!(1), &json!("too large"))
    );
    let position = aside["position"].to_string();
    assert!(text(url, &["outbox", "status"]).contains("too large"));

    text(url, &["outbox", "release", &position]);
    assert_eq!(json(url, &["outbox", "status"])["refused"], 0);
    relay.pass().await.unwrap();
    text(url, &["outbox", "discard", &position, "--reason", "old"]);
    assert_eq!(json(url, &["outbox", "status"])["unsent"], 1);
    let twice = complaint(&["outbox", "release", &position, "--db", url]);
    assert!(twice.contains("no refused event"), "{twice}");
}

#[tokio::test]
async fn what_cannot_be_done_is_told_in_one_line() {
    let file = TestDb::sqlite(&[outbox::SCHEMA]).await;
    let missing = file.url().replace("test.db", "typo.db");
    for (arguments, says) in [
        (vec!["letters", "list"], "--db: give"),
        (vec!["letters", "list", "--db", &missing], "cannot open"),
        (vec!["letters", "list", "--db", "mysql://a"], "cannot open"),
        (vec!["letters", "list", "--db", file.url()], "no such thing"),
    ] {
        let error = complaint(&arguments);
        assert!(
            error.starts_with("keep: ") && error.contains(says),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let path = missing.strip_prefix("sqlite://").unwrap();
    assert!(!std::path::Path::new(path).exists(), "made by a typo");
    let state = complaint(&["letters", "list", "--state", "gone", "--db", file.url()]);
    assert!(state.contains("none of dead"), "{state}");
    let why = complaint(&["letters", "discard", "1", "--db", file.url()]);
    assert!(why.contains("--reason"), "{why}");
}

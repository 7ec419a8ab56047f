//! `keep sagas`.

use tower_keep_durable::{
    outbox,
    saga::{self, Committed, Cx, Plan, Saga, Sagas, StepError, Worker},
    testing::TestDb,
};

use super::{complaint, json, text};

tower_keep_durable::saga_steps! {
    enum Step { Ship = "ship" }
}

/// A parcel that no carrier takes.
struct Ship;

impl Saga for Ship {
    const NAME: &'static str = "ship";
    type Step = Step;
    type State = u32;

    fn plan(&self) -> Plan<Step, Committed> {
        let once = saga::Retry::times(1);
        Plan::new("ship/v1").pivot(Step::Ship).retry(once)
    }

    async fn run(&self, _: Step, _: &Cx, _: &mut u32) -> Result<(), StepError> {
        Err(StepError::of("no carrier answers"))
    }

    async fn undo(&self, _: Step, _: &Cx, _: &mut u32) -> Result<(), StepError> {
        Ok(())
    }
}

#[tokio::test]
async fn sagas_are_listed_shown_retried_and_abandoned() {
    let file = TestDb::sqlite(&[outbox::SCHEMA, saga::SCHEMA]).await;
    let url = file.url();
    let sagas = Sagas::new(&file.db);
    let mut tx = file.db.begin_write().await.unwrap();
    sagas.start_as(&mut tx, "s1", &Ship, &7).await.unwrap();
    tx.commit().await.unwrap();
    let worker = Worker::new(&sagas).register(Ship).unwrap();
    worker.pass().await.unwrap();

    let list = text(url, &["sagas", "list"]);
    assert!(
        list.contains("parked") && list.contains("no carrier answers"),
        "{list}"
    );
    let running = ["sagas", "list", "--status", "running"];
    assert_eq!(json(url, &running), json!([]));
    let shown = json(url, &["sagas", "show", "s1"]);
    assert_eq!(
        (
            &shown["state"],
            &shown["ambiguous"],
            &shown["log"][1]["event"]
        ),
        (&json!(7), &json!(true), &json!("unknown"))
    );
    assert!(text(url, &["sagas", "show", "s1"]).contains("try 1"));

    text(url, &["sagas", "retry", "s1"]);
    assert_eq!(json(url, &running)[0]["id"], "s1");
    let abandon = [
        "sagas",
        "abandon",
        "s1",
        "--reason",
        "lost",
        "--comment",
        "ask ada",
    ];
    text(url, &abandon);
    let log = text(url, &["sagas", "show", "s1"]);
    assert!(
        log.contains("abandoned") && log.contains("ask ada"),
        "{log}"
    );

    let again = complaint(&[&["--db", url], &abandon[..]].concat());
    assert!(again.contains("is abandoned"), "{again}");
    let missing = complaint(&["sagas", "show", "s9", "--db", url]);
    assert!(missing.contains("there is no saga `s9`"), "{missing}");
    let status = complaint(&["sagas", "list", "--status", "gone", "--db", url]);
    assert!(status.contains("give one of running"), "{status}");
}

//! What errors and answers say about a step, and a step that is a service under layers.

use std::{io, time::Duration};

use http::Response;
use tower::service_fn;
use tower_keep::{BoxError, circuit_breaker::CircuitBreakerLayer, timeout::TimeoutLayer};
use tower_keep_durable::{
    Db,
    saga::{
        Committed, Cx, Locked, Passed, Plan, Retry, Saga, Sagas, Status, StepError, StepName,
        Worker, accept,
    },
};
use tower_layer::Layer;

use super::harness::Shop;

tower_keep_durable::saga_steps! {
    enum Step { Ask = "ask", Commit = "commit" }
}

/// Asks a service that takes a minute, under a breaker and a timeout.
struct Asking {
    breaker: CircuitBreakerLayer<tower_keep::protocol::Plain>,
    timeout: TimeoutLayer<tower_keep::protocol::Plain>,
}

impl Saga for Asking {
    const NAME: &'static str = "asking";
    type Step = Step;
    type State = ();

    fn plan(&self) -> Plan<Step, Committed> {
        Plan::new("asking/v1")
            .compensatable(Step::Ask)
            .retry(Retry::times(2))
            .pivot(Step::Commit)
    }

    async fn run(&self, step: Step, cx: &Cx, (): &mut ()) -> Result<(), StepError> {
        if step == Step::Commit {
            return Ok(());
        }
        let slow = service_fn(|key: String| async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok::<_, BoxError>(key)
        });
        let service = self.breaker.layer(self.timeout.layer(slow));
        let answer = cx.call(service, cx.key().to_owned()).await?;
        Err(StepError::rejected(answer))
    }

    async fn undo(&self, _: Step, _: &Cx, (): &mut ()) -> Result<(), StepError> {
        Ok(())
    }
}

async fn what_a_layer_refuses_is_not_sent_and_what_times_out_is_unknown(db: Db) {
    let shop = Shop::new(db).await;
    let asking = Asking {
        breaker: CircuitBreakerLayer::new().named("slow").plain(),
        timeout: TimeoutLayer::new(Duration::from_millis(1)).plain(),
    };
    let breaker = asking.breaker.handle();
    let sagas = Sagas::new(&shop.db);
    let mut tx = shop.db.begin_write().await.unwrap();
    sagas.start_as(&mut tx, "a", &asking, &()).await.unwrap();
    tx.commit().await.unwrap();
    let worker = Worker::new(&sagas).register(asking).unwrap();
    breaker.force_open();
    worker.pass().await.unwrap();
    assert_eq!(shop.logged("a", "not_sent", Step::Ask.name()).await, 1);
    assert!(!sagas.get("a").await.unwrap().unwrap().ambiguous);
    breaker.force_closed();
    shop.clock.advance(Duration::from_secs(30));
    worker.pass().await.unwrap();
    assert_eq!(shop.logged("a", "unknown", Step::Ask.name()).await, 1);
    // Open again: it costs no try, and what was sent is not forgotten.
    breaker.force_open();
    for _ in 0..3 {
        shop.clock.advance(Duration::from_secs(30));
        worker.pass().await.unwrap();
    }
    assert_eq!(shop.logged("a", "not_sent", Step::Ask.name()).await, 4);
    let saga = sagas.get("a").await.unwrap().unwrap();
    assert!(saga.ambiguous && saga.attempt == 1 && saga.status == Status::Running);
    breaker.force_closed();
    shop.clock.advance(Duration::from_secs(30));
    let status = Status::Compensated;
    let id = "a".to_owned();
    assert_eq!(worker.pass().await.unwrap(), Passed::Moved { id, status });
    assert_eq!(shop.logged("a", "undone", Step::Ask.name()).await, 1);
}

super::on_both!(what_a_layer_refuses_is_not_sent_and_what_times_out_is_unknown);

fn kind(error: &StepError) -> &'static str {
    match error {
        StepError::Rejected(_) => "rejected",
        StepError::NotSent { .. } => "not sent",
        StepError::Unknown(_) => "unknown",
    }
}

#[test]
fn an_error_is_unknown_unless_it_is_known() {
    let locked = Locked {
        resource: "order/7".to_owned(),
        by: "a".to_owned(),
    };
    for (error, expected) in [
        (BoxError::from("anything"), "unknown"),
        (
            io::Error::from(io::ErrorKind::ConnectionReset).into(),
            "unknown",
        ),
        (
            io::Error::from(io::ErrorKind::ConnectionRefused).into(),
            "not sent",
        ),
        (locked.into(), "not sent"),
    ] {
        let text = error.to_string();
        assert_eq!(kind(&StepError::of(error)), expected, "{text}");
    }
}

#[test]
fn an_answer_is_done_rejected_not_sent_or_unknown() {
    let problem = |text: &'static str| ("application/problem+json", text);
    let of_ours = problem(r#"{"type":"urn:tower-keep:rejection:circuit_open","executed":false}"#);
    let conflict =
        problem(r#"{"type":"urn:tower-keep:rejection:idempotency_conflict","executed":false}"#);
    let mismatch =
        problem(r#"{"type":"urn:tower-keep:rejection:idempotency_mismatch","executed":false}"#);
    let business = problem(r#"{"type":"about:blank","title":"no stock"}"#);
    let page = ("text/html", "no");
    for (status, (kind_of_body, body), expected) in [
        (200, page, "done"),
        (302, page, "unknown"),
        (400, page, "rejected"),
        (404, page, "rejected"),
        (408, page, "unknown"),
        (409, page, "unknown"),
        (409, conflict, "unknown"),
        (422, business, "rejected"),
        (425, page, "unknown"),
        (429, page, "unknown"),
        (429, of_ours, "not sent"),
        (500, page, "unknown"),
        (503, page, "unknown"),
        (503, of_ours, "not sent"),
        (504, business, "unknown"),
        // Somebody has seen a request of this key, only not this one.
        (422, mismatch, "unknown"),
    ] {
        let answer = Response::builder()
            .status(status)
            .header("content-type", kind_of_body)
            .body(body)
            .unwrap();
        let found = accept(answer).map_or_else(|error| kind(&error), |_| "done");
        assert_eq!(found, expected, "{status} {body}");
    }
}

#[test]
fn a_hint_is_read_from_the_answer() {
    let body = r#"{"executed":false,"retry_after_ms":250}"#;
    let refused = |body: &'static str| {
        Response::builder()
            .status(503)
            .header("content-type", "application/problem+json")
            .header("retry-after", "2")
            .body(body)
            .unwrap()
    };
    for (body, expected) in [(body, 250), (r#"{"executed":false}"#, 2000)] {
        let Err(StepError::NotSent { retry_after }) = accept(refused(body)) else {
            panic!("sent");
        };
        assert_eq!(retry_after, Some(Duration::from_millis(expected)));
    }
}

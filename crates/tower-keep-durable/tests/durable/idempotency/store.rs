//! The layer of tower-keep with its keys in the database.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::sync::Notify;
use tower::{ServiceExt, service_fn};
use tower_keep::idempotency::{
    Begun, FingerprintedBody, Id, IdempotencyLayer, Store, StoredAnswer,
};
use tower_keep_durable::{
    Clock, Db,
    idempotency::{Answer, KeyError, Keys, Lease, SqlStore, Ticket},
};
use tower_layer::Layer;

use super::{SCHEMAS, add, free, restock};

const LEASE: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_secs(60);

type Incoming = Request<FingerprintedBody<Full<Bytes>>>;

fn order(key: &str, lines: &'static str) -> Request<Full<Bytes>> {
    Request::post("/orders")
        .header("idempotency-key", key)
        .body(Full::from(lines))
        .unwrap()
}

/// A process of the service: a layer of its own around a handler that takes one of the stock.
#[derive(Clone, Default)]
struct Process {
    /// Whether the handler records its answer in the transaction of its effect.
    records: bool,
    executed: Arc<AtomicUsize>,
    /// The handler stands still after its commit.
    stuck: Option<Arc<Notify>>,
}

impl Process {
    async fn handle(self, db: Db, request: Incoming) -> Response<Full<Bytes>> {
        let ticket = request.extensions().get::<Ticket>().cloned();
        let lines = request.into_body().collect().await.unwrap().to_bytes();
        self.executed.fetch_add(1, SeqCst);
        let mut tx = db.begin_write().await.unwrap();
        add(&mut tx, -1).await;
        if self.records {
            let answer = Answer::new(201, lines.clone())
                .header("location", "/1")
                .unwrap();
            let ticket = ticket.expect("it has a key");
            Keys::new(&db)
                .finish(&mut tx, &ticket, &answer)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        if let Some(stuck) = &self.stuck {
            stuck.notify_one();
            std::future::pending::<()>().await;
        }
        let mut response = Response::new(Full::from(lines));
        *response.status_mut() = StatusCode::CREATED;
        let location = http::HeaderValue::from_bytes(b"/\xfc").unwrap();
        response.headers_mut().insert("location", location);
        response
    }

    async fn send(&self, db: &Db, request: Request<Full<Bytes>>) -> Response<Bytes> {
        let (process, db_) = (self.clone(), db.clone());
        let handler = service_fn(move |request: Incoming| {
            let handled = process.clone().handle(db_.clone(), request);
            async move { Ok::<_, Infallible>(handled.await) }
        });
        let layer = IdempotencyLayer::default().store(SqlStore::new(db).lease(LEASE));
        let response = layer.layer(handler).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }
}

async fn processes_share_keys_and_answers(db: Db) {
    let process = Process::default();
    restock(&db, 9).await;
    let first = process.send(&db, order("a", "tea")).await;
    assert_eq!(first.status(), 201);
    assert!(!first.headers().contains_key("idempotent-replayed"));
    let again = Process::default().send(&db, order("a", "tea")).await;
    assert_eq!(
        (again.status(), again.body()),
        (first.status(), first.body())
    );
    assert_eq!(again.headers()["location"].as_bytes(), b"/\xfc");
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    let other = Process::default().send(&db, order("a", "coffee")).await;
    assert_eq!(other.status(), 422);
    assert_eq!(free(&db).await, 9);
}

async fn many_at_once_are_executed_once(db: Db) {
    let process = Process::default();
    let requests: Vec<_> = (0..8)
        .map(|_| {
            let (db, process) = (db.clone(), process.clone());
            tokio::spawn(async move { process.send(&db, order("a", "tea")).await.status() })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 201);
    }
    assert_eq!((process.executed.load(SeqCst), free(&db).await), (1, 0));
}

async fn a_handler_that_records_is_not_executed_again_after_a_crash(db: Db) {
    let stuck = Arc::new(Notify::new());
    let process = Process {
        records: true,
        stuck: Some(stuck.clone()),
        ..Process::default()
    };
    let (db_, process_) = (db.clone(), process.clone());
    let request = tokio::spawn(async move { process_.send(&db_, order("a", "tea")).await });
    // Its effect is there, and the layer has kept nothing yet.
    stuck.notified().await;
    request.abort();
    let again = process.send(&db, order("a", "tea")).await;
    assert_eq!(
        (again.status(), &**again.body()),
        (StatusCode::CREATED, &b"tea"[..])
    );
    assert_eq!(again.headers()["location"], "/1");
    assert_eq!((process.executed.load(SeqCst), free(&db).await), (1, 0));
}

async fn begin(store: &SqlStore, max_wait: Duration) -> Begun<Lease> {
    store.begin(id().await, max_wait).await.unwrap()
}

/// The layer makes ids; one is caught on its way to a store.
async fn id() -> Id {
    #[derive(Clone)]
    struct Catch(Arc<std::sync::Mutex<Option<Id>>>);
    impl Store for Catch {
        type Ticket = ();
        type Begin = std::future::Ready<Result<Begun<()>, tower::BoxError>>;
        type Finish = std::future::Ready<Result<(), tower::BoxError>>;
        fn begin(&self, id: Id, _: Duration) -> Self::Begin {
            *self.0.lock().unwrap() = Some(id);
            std::future::ready(Ok(Begun::Running))
        }
        fn finish(&self, (): (), _: Option<StoredAnswer>, _: Duration) -> Self::Finish {
            std::future::ready(Ok(()))
        }
    }
    let catch = Catch(Arc::default());
    let handler = service_fn(|_: Incoming| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let layer = IdempotencyLayer::default().store(catch.clone());
    layer.layer(handler).oneshot(order("a", "")).await.unwrap();
    let id = catch.0.lock().unwrap().take();
    id.expect("it was asked for")
}

fn answer(body: &'static str) -> Option<StoredAnswer> {
    let body = Bytes::from_static(body.as_bytes());
    Some(StoredAnswer::new(
        StatusCode::OK,
        http::HeaderMap::new(),
        body,
        None,
    ))
}

async fn a_lease_is_renewed_and_taken_over_when_it_ran_out(db: Db) {
    let clock = Clock::manual();
    let db = db.with_clock(clock.clone());
    let store = SqlStore::new(&db).lease(LEASE);
    let Begun::Fresh(paused) = begin(&store, Duration::ZERO).await else {
        panic!("it is fresh");
    };
    clock.advance(LEASE / 2);
    assert!(paused.renew().await.unwrap());
    clock.advance(LEASE / 2);
    assert!(matches!(
        begin(&store, Duration::ZERO).await,
        Begun::Running
    ));
    clock.advance(LEASE / 2);
    let Begun::Fresh(next) = begin(&store, Duration::ZERO).await else {
        panic!("its lease has run out");
    };
    assert!(!paused.renew().await.unwrap());

    // The handler of the paused process goes on, and is told to roll back.
    let mut extensions = http::Extensions::new();
    store.announce(&paused, &mut extensions);
    let ticket = extensions.get::<Ticket>().unwrap();
    let mut tx = db.begin_write().await.unwrap();
    let late = Keys::new(&db)
        .finish(&mut tx, ticket, &Answer::new(201, ""))
        .await;
    assert!(matches!(late, Err(KeyError::TakenOver)), "{late:?}");
    drop(tx);
    let late = store.finish(paused, answer("late"), KEEP).await;
    assert!(late.is_err());
    store.finish(next, answer("mine"), KEEP).await.unwrap();
    let Begun::Answered(kept) = begin(&store, Duration::ZERO).await else {
        panic!("it was answered");
    };
    assert_eq!(&*kept.body(), b"mine");
}

async fn a_dropped_lease_frees_its_key_for_one_that_waits(db: Db) {
    let store = SqlStore::new(&db).lease(LEASE);
    let Begun::Fresh(lease) = begin(&store, Duration::ZERO).await else {
        panic!("it is fresh");
    };
    let store_ = store.clone();
    let waiting = tokio::spawn(async move { begin(&store_, LEASE).await });
    drop(lease);
    assert!(matches!(waiting.await.unwrap(), Begun::Fresh(_)));
}

async fn an_answer_that_cannot_be_kept_is_known_to_have_been_given(db: Db) {
    let store = SqlStore::new(&db).lease(LEASE);
    let Begun::Fresh(lease) = begin(&store, Duration::ZERO).await else {
        panic!("it is fresh");
    };
    store.finish(lease, None, KEEP).await.unwrap();
    assert!(matches!(begin(&store, KEEP).await, Begun::Executed));
}

on_both! {
    processes_share_keys_and_answers
    many_at_once_are_executed_once
    a_handler_that_records_is_not_executed_again_after_a_crash
    a_lease_is_renewed_and_taken_over_when_it_ran_out
    a_dropped_lease_frees_its_key_for_one_that_waits
    an_answer_that_cannot_be_kept_is_known_to_have_been_given
}

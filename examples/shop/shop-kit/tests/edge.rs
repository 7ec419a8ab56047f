//! The server's stack: who is limited, what goes first, and what becomes of a panic.

#![expect(clippy::unwrap_used, reason = "a test ends where its service breaks")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use http::{Method, Request, Response, StatusCode};
use shop_kit::{
    stack::{CUSTOMER, Callers, ServerHandles, Service, server_stack},
    testing::TestDb,
};
use tokio::{sync::Semaphore, time::sleep};
use tower::ServiceExt;
use tower_keep::{
    chaos::{ChaosConfig, ChaosLayer, Fault},
    context::Priority,
    protocol::Head,
};

/// A service behind its layers, without a socket.
struct Served {
    router: Router,
    handles: ServerHandles,
    _database: TestDb,
}

async fn serve(callers: Callers, router: Router) -> Served {
    let database = TestDb::sqlite(&[]).await;
    let service = Service {
        name: "orders",
        version: "1.2.3",
        callers,
        chaos: ChaosLayer::default(),
    };
    let (server, handles) = server_stack(&service, &database.db, router).unwrap();
    Served {
        router: server.router,
        handles,
        _database: database,
    }
}

impl Served {
    async fn ask(&self, method: Method, path: &str, customer: &str) -> Response<Body> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(CUSTOMER, customer).body(Body::empty());
        let Ok(response) = self.router.clone().oneshot(request.unwrap()).await;
        response
    }
}

fn customers(rate: u32) -> Callers {
    fn matters(head: &Head<'_>) -> Priority {
        if head.method == Method::POST {
            Priority::CRITICAL
        } else {
            Priority::BACKGROUND
        }
    }
    Callers::Customers { rate, matters }
}

#[tokio::test]
async fn each_customer_has_a_limit_of_his_own_and_peers_have_none() {
    let router = Router::new().route("/", get(|| async { "here" }));
    let edge = serve(customers(1), router.clone()).await;
    for (customer, status) in [("anna", 200), ("anna", 200), ("anna", 429), ("bela", 200)] {
        let response = edge.ask(Method::GET, "/", customer).await;
        assert_eq!(response.status().as_u16(), status, "{customer}");
        assert!(response.headers().contains_key("ratelimit"));
        assert_eq!(
            response.headers().contains_key("retry-after"),
            status == 429
        );
    }
    let inside = serve(Callers::Peers, router).await;
    for _ in 0..10 {
        let response = inside.ask(Method::GET, "/", "orders").await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn with_all_places_taken_checkout_goes_before_browsing() {
    let started = Arc::<Mutex<Vec<Method>>>::default();
    let open = Arc::new(Semaphore::new(0));
    let work = {
        let (started, open) = (started.clone(), open.clone());
        move |method: Method| async move {
            started.lock().unwrap().push(method);
            open.acquire().await.unwrap().forget();
        }
    };
    let router = Router::new().route("/", get(work.clone()).post(work));
    let edge = Arc::new(serve(customers(1000), router).await);
    // The database is open; nothing below waits for anything but time.
    tokio::time::pause();
    let ask = |method: Method| {
        let edge = edge.clone();
        tokio::spawn(async move { edge.ask(method, "/", "anna").await.status() })
    };
    let places = edge.handles.shed.config().max_concurrent;
    for _ in 0..places {
        ask(Method::GET);
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(edge.handles.shed.snapshot().running, places);
    let browsing = ask(Method::GET);
    sleep(Duration::from_millis(1)).await;
    let checkout = ask(Method::POST);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(edge.handles.shed.snapshot().waiting, 2);
    open.add_permits(1);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(started.lock().unwrap()[places..], [Method::POST]);
    // Who looks around is told so before long.
    let status = browsing.await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    open.add_permits(1000);
    assert_eq!(checkout.await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn a_write_goes_on_without_its_customer_and_a_peer_asks_again() {
    for (callers, goes_on) in [(customers(10), true), (Callers::Peers, false)] {
        let (began, done) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (begins, ends) = (began.clone(), done.clone());
        let work = move || async move {
            begins.add_permits(1);
            sleep(Duration::from_millis(50)).await;
            ends.add_permits(1);
        };
        let served = serve(callers, Router::new().route("/", post(work))).await;
        let router = served.router.clone();
        let caller = tokio::spawn(router.oneshot(Request::post("/").body(Body::empty()).unwrap()));
        began.acquire().await.unwrap().forget();
        caller.abort();
        assert!(caller.await.is_err());
        sleep(Duration::from_millis(200)).await;
        let total = served.handles.detach.snapshot().total;
        assert_eq!(
            (done.available_permits() == 1, total == 1),
            (goes_on, goes_on)
        );
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_and_chaos_comes_and_goes() {
    async fn panics() -> StatusCode {
        panic!("a bug")
    }
    let router = Router::new()
        .route("/panics", get(panics))
        .route("/", get(|| async { "here" }));
    let served = serve(Callers::Peers, router).await;
    let status = async |path: &str| {
        served
            .ask(Method::GET, path, "anna")
            .await
            .status()
            .as_u16()
    };
    assert_eq!((status("/panics").await, status("/").await), (500, 200));
    let chaos = &served.handles.chaos;
    let faults = ChaosConfig::new(1.0, Fault::Status(418));
    chaos.update(faults).unwrap();
    assert_eq!(status("/").await, 418);
    chaos.stop();
    assert_eq!(status("/").await, 200);
}

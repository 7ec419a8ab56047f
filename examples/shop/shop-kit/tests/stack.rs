//! The two stacks from outside, over real connections.

#![expect(clippy::unwrap_used, reason = "a test ends where its service breaks")]

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::Request, routing::get};
use http::{HeaderMap, StatusCode};
use shop_kit::{
    client::{CallError, ServiceClient},
    server::Server,
    stack::{Callers, Dependency, Places, Reads, Service, server_stack},
    testing::TestDb,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tower_keep::{
    chaos::ChaosLayer,
    context::{Context, CorrelationId},
};

/// Far longer than any answer here takes, so that a busy machine changes nothing.
const LONG: Duration = Duration::from_secs(20);

fn client(address: SocketAddr, timeout: Duration) -> ServiceClient {
    let base = format!("http://{address}").parse().unwrap();
    let dependency = Dependency {
        name: "peer",
        timeout,
        places: Places::Known,
        reads: Reads::Exact,
    };
    ServiceClient::new(base, &dependency).unwrap()
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

fn hangs() -> Router {
    Router::new().route("/", get(std::future::pending::<()>))
}

#[tokio::test]
async fn attempts_that_are_too_slow_open_the_circuit() {
    let client = client(serve(hangs()).await, Duration::from_millis(100));
    for _ in 0..20 {
        match client.get::<u8>("/").await {
            Err(CallError::NotSent { why, .. }) if why.contains("circuit") => return,
            Err(CallError::Unknown(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("every call waited for the peer");
}

#[tokio::test]
async fn an_answer_that_stops_half_way_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap(), Duration::from_millis(200));
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let half = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n7";
            stream.write_all(half).await.unwrap();
            open.push(stream);
        }
    });
    let answer = timeout(LONG, client.get::<u8>("/")).await.unwrap();
    assert!(matches!(answer, Err(CallError::Unknown(_))), "{answer:?}");
}

#[tokio::test]
async fn a_slow_peer_takes_so_many_calls_and_no_more() {
    let client = client(serve(hangs()).await, LONG);
    let bulkhead = &client.handles().bulkhead;
    let mut hanging = JoinSet::new();
    for _ in 0..bulkhead.config().max_concurrent {
        let client = client.clone();
        hanging.spawn(async move { client.get::<u8>("/").await });
    }
    let full = async {
        while bulkhead.snapshot().running < bulkhead.config().max_concurrent {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, full).await.unwrap();
    let one_more = client.get::<u8>("/").await;
    assert!(
        matches!(&one_more, Err(CallError::NotSent { why, .. }) if why.contains("bulkhead")),
        "{one_more:?}"
    );
    // It says nothing about the peer.
    let circuit = client.handles().breaker.snapshot();
    assert_eq!((circuit.state.as_str(), circuit.failures), ("closed", 0));
}

#[tokio::test]
async fn a_peer_is_told_the_correlation_id_and_how_long_it_is_waited_for() {
    async fn told(headers: HeaderMap) -> axum::Json<[String; 2]> {
        let told = ["x-correlation-id", "x-request-timeout"];
        axum::Json(told.map(|name| headers[name].to_str().unwrap().to_owned()))
    }
    let client = client(serve(Router::new().route("/", get(told))).await, LONG);
    let id = CorrelationId::parse("order-17").unwrap();
    let call = client.get::<[String; 2]>("/");
    let [id, wait] = Context::new(id).scope(call).await.unwrap().value;
    assert_eq!(id, "order-17");
    let wait: u64 = wait.strip_suffix("ms").unwrap().parse().unwrap();
    assert!((9_000..=10_000).contains(&wait), "half of 20 s: {wait}");
}

async fn server() -> (Server, TestDb) {
    let test = TestDb::sqlite(&[]).await;
    let router = Router::new().route("/", get(|| async { "here" }));
    let service = Service {
        name: "orders",
        version: "1.2.3",
        callers: Callers::Peers,
        chaos: ChaosLayer::default(),
    };
    let (server, _) = server_stack(&service, &test.db, router).unwrap();
    (server, test)
}

#[tokio::test]
async fn a_caller_that_has_given_up_is_refused_with_its_correlation_id_and_nothing_is_executed() {
    let (server, _test) = server().await;
    let request = Request::get("/")
        .header("x-request-timeout", "0ms")
        .header("x-correlation-id", "order-17");
    let response = server
        .router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["x-correlation-id"], "order-17");
    let body = axum::body::to_bytes(response.into_body(), 4096)
        .await
        .unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["executed"], false);
}

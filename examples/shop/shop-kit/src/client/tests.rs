use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{
    Router,
    routing::{get, post},
};
use http::StatusCode;
use tokio::net::TcpListener;

use super::*;
use crate::{
    problem::Problem,
    stack::{Dependency, Places, Reads},
};

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

/// Far longer than any answer here takes, so that a busy machine changes nothing.
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn answers_are_sorted_by_what_they_say_about_the_effect() {
    let shed = || async {
        let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shed", "full");
        problem.executed = Some(false);
        problem.retry_after(Duration::from_secs(3))
    };
    let no = || async { Problem::new(StatusCode::CONFLICT, "no", "no") };
    let router = Router::new()
        .route("/yes", get(|| async { "7" }))
        .route("/no", get(no))
        .route("/shed", get(shed))
        .route("/broken", get(|| async { StatusCode::NOT_IMPLEMENTED }))
        .route("/hangs", get(std::future::pending::<()>));
    let address = serve(router).await;
    let (client, hasty) = (
        client(address, LONG),
        client(address, Duration::from_millis(200)),
    );

    let yes = Read {
        value: 7,
        age: None,
    };
    assert_eq!(client.get::<u8>("/yes").await, Ok(yes));
    assert!(
        matches!(client.get::<u8>("/no").await, Err(CallError::Rejected(p)) if p.kind == "urn:shop:no")
    );
    let shed = client.get::<u8>("/shed").await;
    let seconds = Some(Duration::from_secs(3));
    assert!(
        matches!(&shed, Err(CallError::NotSent { retry_after, .. }) if *retry_after == seconds),
        "{shed:?}"
    );
    for lost in [client.get::<u8>("/broken").await, hasty.get("/hangs").await] {
        assert!(matches!(lost, Err(CallError::Unknown(_))), "{lost:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_surely_not_sent_and_so_is_what_the_open_circuit_turns_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap(), LONG);
    drop(listener);
    let refused = client.get::<u8>("/").await;
    assert!(
        matches!(
            &refused,
            Err(CallError::NotSent {
                retry_after: None,
                ..
            })
        ),
        "{refused:?}"
    );
    // The first call made three attempts; the second opens the circuit with its second one.
    for _ in 0..2 {
        let refused = client.get::<u8>("/").await;
        assert!(
            matches!(&refused, Err(CallError::NotSent { retry_after: Some(_), why }) if why.contains("circuit")),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_post_with_its_key_is_sent_again_when_its_answer_is_lost() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let flaky = |body: String| async move {
        match CALLS.fetch_add(1, Ordering::SeqCst) {
            0 => Err(StatusCode::BAD_GATEWAY),
            _ => Ok(body),
        }
    };
    let client = client(serve(Router::new().route("/", post(flaky))).await, LONG);
    assert_eq!(client.post::<u8>("/", "key", &7).await, Ok(7));
    assert_eq!(client.handles().retry.snapshot().retries, 1);
}

#[tokio::test]
async fn a_call_is_not_surely_unsent_if_its_first_attempt_was_lost() {
    let broken = Router::new().route("/", get(|| async { StatusCode::BAD_GATEWAY }));
    let client = client(serve(broken).await, LONG);
    let breaker = client.handles().breaker.clone();
    let mut events = client.handles().retry.subscribe(8);
    let (outcome, ()) = tokio::join!(client.get::<u8>("/"), async {
        // Between the attempts.
        events.next().await;
        breaker.force_open();
    });
    assert!(
        matches!(&outcome, Err(CallError::Unknown(why)) if why.contains("circuit")),
        "{outcome:?}"
    );
}

//! The client's stack: what is done about reads, and how many calls a peer gets that nobody knows.

#![expect(clippy::unwrap_used, reason = "a test ends where its service breaks")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use http::StatusCode;
use shop_kit::{
    client::{CallError, Read, ServiceClient},
    stack::{Dependency, Places, Reads},
};
use tokio::{net::TcpListener, time::timeout};

/// Far longer than any answer here takes, so that a busy machine changes nothing.
const LONG: Duration = Duration::from_secs(20);

fn client(address: SocketAddr, timeout: Duration, places: Places, reads: Reads) -> ServiceClient {
    let base = format!("http://{address}").parse().unwrap();
    let dependency = Dependency {
        name: "peer",
        timeout,
        places,
        reads,
    };
    ServiceClient::new(base, &dependency).unwrap()
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

/// Counts what it is asked; answers as `answer` says for the number of the call.
fn counting<F>(answer: fn(usize) -> F) -> (Router, Arc<AtomicUsize>)
where
    F: Future<Output = Result<&'static str, StatusCode>> + Send + 'static,
{
    let calls = Arc::<AtomicUsize>::default();
    let counts = calls.clone();
    let handler = move || answer(counts.fetch_add(1, Ordering::SeqCst));
    let router = Router::new().route("/", get(handler.clone()).post(handler));
    (router, calls)
}

#[tokio::test]
async fn a_read_that_fails_is_answered_by_what_it_was_where_that_will_do() {
    for (reads, serves_old) in [(Reads::MayBeOld, true), (Reads::Exact, false)] {
        let (router, _) = counting(|call| async move {
            if call == 0 {
                Ok("7")
            } else {
                Err(StatusCode::BAD_GATEWAY)
            }
        });
        let client = client(serve(router).await, LONG, Places::Known, reads);
        let fresh = client.get::<u8>("/").await.unwrap();
        assert_eq!((fresh.value, fresh.age), (7, None));
        // The last of them meet an open circuit.
        for _ in 0..4 {
            match client.get::<u8>("/").await {
                Ok(Read { value, age }) => assert!(serves_old && value == 7 && age.is_some()),
                Err(error) => assert!(!serves_old, "{error}"),
            }
        }
        assert_eq!(client.handles().breaker.snapshot().state.as_str(), "open");
        let lost = client.post::<u8>("/", "key", &7).await;
        assert!(matches!(lost, Err(CallError::NotSent { .. })), "{lost:?}");
    }
}

#[tokio::test]
async fn a_late_read_is_asked_for_twice_and_a_late_write_is_not() {
    async fn first_hangs(call: usize) -> Result<&'static str, StatusCode> {
        if call == 0 {
            std::future::pending::<()>().await;
        }
        Ok("7")
    }
    let (router, calls) = counting(first_hangs);
    let reading = client(serve(router).await, LONG, Places::Known, Reads::MayBeOld);
    let read = timeout(LONG / 4, reading.get::<u8>("/")).await.unwrap();
    assert_eq!(read.unwrap().value, 7);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let hedge = reading.handles().hedge.snapshot();
    assert_eq!((hedge.hedges, hedge.won), (1, 1));

    for reads in [Reads::MayBeOld, Reads::Exact] {
        let (router, calls) = counting(first_hangs);
        let client = client(serve(router).await, LONG, Places::Known, reads);
        // Ten times what a read is waited for.
        let soon = Duration::from_millis(500);
        let write = timeout(soon, client.post::<u8>("/", "key", &7)).await;
        assert!(write.is_err(), "it still hangs: {write:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_peer_that_nobody_knows_gets_fewer_calls_once_they_are_too_late() {
    let (router, _) = counting(|_| std::future::pending());
    let short = Duration::from_millis(100);
    let client = client(serve(router).await, short, Places::Adaptive, Reads::Exact);
    let handles = client.handles();
    // So that they are made at all.
    handles.breaker.disable();
    let first = handles.adaptive.snapshot().limit;
    let fewer = async {
        while handles.adaptive.snapshot().limit >= first {
            let lost = client.get::<u8>("/").await;
            assert!(lost.is_err(), "{lost:?}");
        }
    };
    timeout(LONG, fewer).await.unwrap();
    assert!(!handles.bulkhead.config().enabled);
}

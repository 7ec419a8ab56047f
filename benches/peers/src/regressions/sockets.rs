//! What only shows on sockets.

use std::{
    io::{Error, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use axum::{
    BoxError, Router,
    error_handling::HandleErrorLayer,
    routing::{get, post},
};
use http::StatusCode;
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
    task::spawn_blocking,
};
use tower::ServiceBuilder;
use tower_keep::{
    bulkhead::BulkheadLayer,
    health::{HealthConfig, HealthLayer},
};

use crate::{
    case::{Case, Outcome, situation},
    support::{get as ask, ms, serve},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        e12_refused_upload::case(),
        e12_large::case(),
        e14_probe_while_draining::case(),
    ]
}

/// What a client sees that writes all of its request before it reads.
fn upload(address: SocketAddr, bytes: usize) -> Result<bool, Error> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {bytes}\r\n\r\n"
    )?;
    stream.write_all(&vec![b'x'; bytes])?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(&head == b"HTTP/1.1 503")
}

async fn uploads(app: Router, bytes: usize) -> Outcome {
    let address = serve(app).await;
    let mut seen = 0;
    for _ in 0..10 {
        let upload = spawn_blocking(move || upload(address, bytes)).await;
        seen += usize::from(matches!(upload, Ok(Ok(true))));
    }
    Outcome::new(seen == 10, format!("{seen} of 10 see the 503"))
}

fn tower_full() -> Router {
    let refused = HandleErrorLayer::new(async |_: BoxError| StatusCode::SERVICE_UNAVAILABLE);
    let limit = tower::limit::GlobalConcurrencyLimitLayer::new(0);
    let shed = ServiceBuilder::new()
        .layer(refused)
        .load_shed()
        .layer(limit);
    Router::new().route("/", post(async || ())).layer(shed)
}

fn our_full() -> Router {
    Router::new()
        .route("/", post(async || ()))
        .layer(BulkheadLayer::new(0))
}

situation! {
    e12_refused_upload: "E12", "an upload of 64 KiB is refused before it was read";
    peer "tower" => real (|| uploads(tower_full(), 64 << 10));
    ours => real (|| uploads(our_full(), 64 << 10));
}

situation! {
    e12_large: "E12b", "an upload of 8 MiB is refused before it was read";
    peer "tower" => real (|| uploads(tower_full(), 8 << 20));
    ours => known (
        || uploads(our_full(), 8 << 20),
        "what a layer does not read, hyper does not drain; the kernel resets"
    );
}

/// What a new probe sees while a call from before the signal still runs.
async fn probe(address: SocketAddr, arrived: &Notify, stop: impl FnOnce()) -> Outcome {
    let running = tokio::spawn(ask(address, "/slow"));
    arrived.notified().await;
    stop();
    tokio::time::sleep(ms(20)).await;
    let answer = ask(address, "/readyz").await;
    running.abort();
    match answer {
        Ok(answer) => Outcome::new(answer.status() == 503, answer.status()),
        Err(error) => Outcome::new(false, format!("no answer: {error}")),
    }
}

fn slow() -> (Router, Arc<Notify>) {
    let arrived = Arc::new(Notify::new());
    let told = arrived.clone();
    let handler = async move || {
        told.notify_one();
        std::future::pending::<()>().await;
    };
    (Router::new().route("/slow", get(handler)), arrived)
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback is there");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

async fn axum_shutdown() -> Outcome {
    let (app, arrived) = slow();
    let app = app.route("/readyz", get(async || StatusCode::SERVICE_UNAVAILABLE));
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let served = axum::serve(listener, app).with_graceful_shutdown(async {
        stopped.await.ok();
    });
    tokio::spawn(async { served.await });
    probe(address, &arrived, || drop(stop)).await
}

async fn our_shutdown() -> Outcome {
    let (app, arrived) = slow();
    let (listener, address) = listen().await;
    let mut config = HealthConfig::default();
    config.lifecycle.drain_delay = Duration::from_secs(3600);
    config.lifecycle.deadline = Duration::from_secs(7200);
    let health = HealthLayer::from_config(config).expect("valid");
    let serving = health.clone();
    tokio::spawn(async move {
        serving
            .serve_until(listener, app, std::future::pending())
            .await
    });
    probe(address, &arrived, || health.lifecycle().stop()).await
}

situation! {
    e14_probe_while_draining: "E14", "told to stop while a call runs; what a new readiness probe sees";
    peer "axum" => real (axum_shutdown);
    ours => real (our_shutdown);
}

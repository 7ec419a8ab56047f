//! A server that goes gracefully: `cargo run --example health`.
//!
//! It stops itself after a moment; a real one would say `health.serve(listener, app)` and go on
//! SIGTERM or Ctrl-C.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tower_keep::{
    BoxError,
    health::{HealthConfig, HealthLayer, datastore},
    observe::Event,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut config = HealthConfig::service("orders", env!("CARGO_PKG_VERSION"));
    config.lifecycle.drain_delay = Duration::from_millis(500);
    let health = HealthLayer::from_config(config)?
        .critical("database", datastore(|| async { Ok::<_, BoxError>(()) }))
        .informational("payments", || async { Err::<(), _>("connection refused") })
        .observe(|event: &Event| println!("{event}"));

    let slow = || async {
        sleep(Duration::from_millis(800)).await;
        "finished"
    };
    let app = Router::new().route("/slow", get(slow));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;

    let report = health.serve_until(listener, app, async {
        show(address, "/readyz").await;
        show(address, "/health").await;
        tokio::spawn(show(address, "/slow"));
        sleep(Duration::from_millis(100)).await;
        // Told to stop: the port stays open for a while, and says that it is about to go.
        health.lifecycle().stop();
        show(address, "/readyz").await;
    });
    println!("{}", report.await);
    Ok(())
}

async fn show(address: SocketAddr, path: &str) {
    let mut stream = TcpStream::connect(address).await.expect("the port is open");
    let request = format!("GET {path} HTTP/1.1\r\nhost: orders\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    let sent = stream.write_all(request.as_bytes()).await;
    let read = stream.read_to_string(&mut answer).await;
    match sent.and(read) {
        Ok(_) => println!("--- {path}\n{answer}"),
        Err(error) => println!("--- {path}: {error}"),
    }
}

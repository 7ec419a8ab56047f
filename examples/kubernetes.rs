//! How a pod goes without losing a call: `cargo run --example kubernetes`.
//!
//! A real one says `health.serve(listener, app)`, which stops on SIGTERM; here the signal is a call. In the
//! manifest: `readinessProbe: /readyz`, `livenessProbe: /livez`, and `terminationGracePeriodSeconds` above
//! `lifecycle.deadline`. No `preStop` sleep: that is `lifecycle.drain_delay`.

use std::time::Duration;

use axum::{Router, routing::get};
use tokio::time::{Instant, sleep};
use tower_keep::{
    BoxError,
    health::{HealthConfig, HealthLayer},
};

const MS: Duration = Duration::from_millis(1);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut config = HealthConfig::service("orders", env!("CARGO_PKG_VERSION"));
    config.lifecycle.drain_delay = 300 * MS; // default 5 s: until the balancer has seen readiness
    config.lifecycle.deadline = 1000 * MS; // default 25 s: then whatever still runs is cut off
    let health = HealthLayer::from_config(config)?;
    let app = Router::new()
        .route("/quick", get(|| async { "done" }))
        .route("/slow", get(|| async { sleep(700 * MS).await }))
        .route("/stuck", get(std::future::pending::<()>));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let client = Client(Instant::now(), format!("http://{}", listener.local_addr()?));

    let report = health.serve_until(listener, app, async {
        client.get("/readyz").await;
        let running = ["/slow", "/stuck"].map(|path| {
            let client = client.clone();
            tokio::spawn(async move { client.get(path).await })
        });
        sleep(100 * MS).await;
        println!("SIGTERM");
        health.lifecycle().stop();
        client.get("/readyz").await; // the balancer learns of it,
        client.get("/quick").await; // and what it still sends is still served
        drop(running);
    });
    println!("{}", report.await);
    sleep(50 * MS).await; // for the last line of the call that was cut off
    client.get("/quick").await;
    Ok(())
}

#[derive(Clone)]
struct Client(Instant, String);

impl Client {
    async fn get(&self, path: &str) {
        let answer = reqwest::get(format!("{}{path}", self.1)).await;
        let status = answer.map(|answer| answer.status()).ok(); // none if it was cut off
        println!("{:>4} ms {path}: {status:?}", self.0.elapsed().as_millis());
    }
}

use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{Method, Request};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::time::timeout;

/// A client without layers. A new connection for each request: services die under them.
#[derive(Debug, Clone)]
pub(crate) struct Web(Client<HttpConnector, Body>);

/// The longest wait for one answer; whoever is dead or paused gives none.
const PATIENCE: Duration = Duration::from_secs(5);

impl Web {
    pub(crate) fn new() -> Self {
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_max_idle_per_host(0);
        Self(client.build_http())
    }

    /// Status and body; none if there is no answer.
    pub(crate) async fn get(&self, url: &str) -> Option<(u16, Value)> {
        let request = Request::get(url).header("x-customer", "a-test");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, url: &str) -> Option<(u16, Value)> {
        let request = Request::builder().method(Method::DELETE).uri(url);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, url: &str, key: &str, body: &Value) -> Option<(u16, Value)> {
        let request = Request::post(url)
            .header("content-type", "application/json")
            .header("x-customer", "a-test")
            .header("idempotency-key", key);
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    async fn send(&self, request: Request<Body>) -> Option<(u16, Value)> {
        let answer = async {
            let (head, body) = self.0.request(request).await.ok()?.into_parts();
            let body = to_bytes(Body::new(body), 1 << 24).await.ok()?;
            Some((
                head.status.as_u16(),
                serde_json::from_slice(&body).unwrap_or_default(),
            ))
        };
        timeout(PATIENCE, answer).await.ok()?
    }
}

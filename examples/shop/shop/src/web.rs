//! The smallest HTTP client that a customer needs: no layers, no retries.

use std::{net::SocketAddr, time::Duration};

use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use shop_kit::stack::CUSTOMER;

#[derive(Debug, Clone)]
pub(crate) struct Web {
    client: Client<HttpConnector, Body>,
    base: String,
    /// Who asks.
    customer: Option<String>,
}

/// An answer as a customer sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) replayed: bool,
    /// Whether it has an age: it was true before.
    pub(crate) is_old: bool,
    pub(crate) body: Value,
}

/// The patience of a customer.
const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST_REPLY: usize = 8 << 20;

impl Web {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            client,
            base: format!("http://{address}"),
            customer: None,
        }
    }

    /// The same, in the name of this customer.
    pub(crate) fn by(&self, customer: &str) -> Self {
        Self {
            customer: Some(customer.to_owned()),
            ..self.clone()
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Reply, String> {
        self.send(Request::builder().method(Method::GET), path, Body::empty())
            .await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Reply, String> {
        let request = Request::builder()
            .method(Method::POST)
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        self.send(request, path, Body::from(body.to_string())).await
    }

    async fn send(
        &self,
        mut request: http::request::Builder,
        path: &str,
        body: Body,
    ) -> Result<Reply, String> {
        if let Some(customer) = &self.customer {
            request = request.header(CUSTOMER, customer);
        }
        let request = request
            .uri(format!("{}{path}", self.base))
            .body(body)
            .map_err(|error| error.to_string())?;
        let reply = async {
            let response = self
                .client
                .request(request)
                .await
                .map_err(|error| error.to_string())?;
            let (head, body) = response.into_parts();
            let body = to_bytes(Body::new(body), LARGEST_REPLY)
                .await
                .map_err(|error| error.to_string())?;
            Ok(Reply {
                status: head.status,
                replayed: head.headers.contains_key("idempotent-replayed"),
                is_old: head.headers.contains_key("age"),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
        };
        tokio::time::timeout(PATIENCE, reply)
            .await
            .map_err(|_| "no answer in 10 s".to_owned())?
    }
}

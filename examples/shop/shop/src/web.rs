//! The smallest HTTP client that a customer needs: no layers, no retries.

use std::{net::SocketAddr, time::Duration};

use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode, Uri};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use shop_kit::stack::CUSTOMER;

use crate::load::CUSTOMERS;

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

    /// The client of a service at this URL.
    pub(crate) fn at(url: &Uri) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let base = url.to_string().trim_end_matches('/').to_owned();
        Self {
            client,
            base,
            customer: None,
        }
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &str {
        &self.base
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

/// The orders of all customers of the demo.
pub(crate) async fn all_orders(orders: &Web) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for customer in CUSTOMERS {
        let path = format!("/orders?customer={customer}&limit=1000");
        let reply = orders.by(customer).get(&path).await?;
        if !reply.status.is_success() {
            let status = reply.status;
            return Err(format!(
                "the order service answered {status} to a question for orders"
            ));
        }
        all.extend(list(&reply.body).iter().cloned());
    }
    Ok(all)
}

/// How many orders are under way.
pub(crate) async fn open_orders(orders: &Web) -> Result<usize, String> {
    let is_open = |order: &&Value| OPEN.contains(&&*text(&order["status"]));
    Ok(all_orders(orders).await?.iter().filter(is_open).count())
}

/// Orders in these states are under way.
pub(crate) const OPEN: [&str; 3] = ["pending", "confirmed", "cancelling"];

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

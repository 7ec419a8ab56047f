//! The services of one test, each of which can be killed and started again.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use shop_kit::{db::file_url, flow::Flow, host::Host, server::StartError, testing::with_faults};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(crate) const SERVICES: [&str; 4] = ["inventory", "payments", "shipping", "orders"];

pub(crate) struct Stage {
    client: Client<HttpConnector, Body>,
    hosts: BTreeMap<&'static str, Host>,
    at: BTreeMap<&'static str, SocketAddr>,
    /// The flow that services are started with from now on.
    pub(crate) flow: Flow,
    /// And the deadline of orders.
    pub(crate) deadline_ms: u64,
    /// Where the faults of the bus begin, if it has any.
    seed: Option<u64>,
    /// How many times something was started: each has faults of its own.
    starts: u64,
    folder: TempDir,
}

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Longer than any test.
const NEVER_MS: u64 = 3_600_000;

impl Stage {
    /// A shop on a bus whose faults follow from `seed`.
    pub(crate) async fn open(seed: u64) -> Self {
        Self::open_with(Some(seed), NEVER_MS).await
    }

    /// Orders expire after `deadline_ms`; without a seed the bus has no faults.
    pub(crate) async fn open_with(seed: Option<u64>, deadline_ms: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut stage = Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            hosts: BTreeMap::new(),
            at: BTreeMap::new(),
            flow: Flow::Choreography,
            deadline_ms,
            seed,
            starts: 0,
            folder,
        };
        stage.start("cards").await;
        for name in SERVICES {
            stage.start(name).await;
        }
        stage
    }

    pub(crate) async fn kill(&mut self, name: &'static str) {
        self.hosts.remove(name).unwrap().kill().await;
    }

    /// Starts it, or starts it again on its port and its database.
    pub(crate) async fn start(&mut self, name: &'static str) {
        // To join a bus with faults may take more than one start.
        for _ in 0..50 {
            self.starts += 1;
            match self.try_start(name).await {
                Ok(host) => {
                    self.at.insert(name, host.address());
                    self.hosts.insert(name, host);
                    return;
                }
                Err(error) => println!("{name}: {error}"),
            }
        }
        panic!("{name} does not start");
    }

    async fn try_start(&self, name: &str) -> Result<Host, StartError> {
        let listen = self.at.get(name).copied().unwrap_or(ANY);
        let database = self.database(name);
        let bus = self.seed.map_or_else(
            || self.bus(),
            |seed| with_faults(1000 * seed + self.starts, &self.bus()),
        );
        let (saga, log) = (self.flow, String::new());
        let url = |name: &str| -> http::Uri {
            let at = self.at.get(name).copied().unwrap_or(ANY);
            format!("http://{at}").parse().unwrap()
        };
        match name {
            "cards" => {
                let config = cards::Config {
                    listen,
                    database,
                    webhooks: None,
                    webhook_secret: None,
                    demo_data: true,
                    log,
                };
                let build = || async move {
                    let app = cards::build(&config).await?;
                    Ok((app.server, app.sender))
                };
                Host::start(listen, build).await
            }
            "inventory" => {
                let config = inventory::Config {
                    listen,
                    database,
                    bus,
                    saga,
                    demo_data: true,
                    log,
                };
                let build = || async move {
                    let app = inventory::build(&config).await?;
                    Ok((app.server, app.workers))
                };
                Host::start(listen, build).await
            }
            "payments" => {
                let config = payments::Config {
                    listen,
                    database,
                    bus,
                    saga,
                    cards: url("cards"),
                    webhook_secret: None,
                    // Long, so that a busy machine changes no outcome.
                    cards_timeout_ms: 8000,
                    grace_ms: payments::GRACE_MS,
                    log,
                };
                let build = || async move {
                    let app = payments::build(&config).await?;
                    Ok((app.server, app.workers))
                };
                Host::start(listen, build).await
            }
            "shipping" => {
                let config = shipping::Config {
                    listen,
                    database,
                    bus,
                    saga,
                    log,
                };
                let build = || async move {
                    let app = shipping::build(&config).await?;
                    Ok((app.server, app.workers))
                };
                Host::start(listen, build).await
            }
            _ => {
                let config = orders::Config {
                    listen,
                    database,
                    bus,
                    saga,
                    inventory: url("inventory"),
                    payments: url("payments"),
                    shipping: url("shipping"),
                    peer_timeout_ms: 8000,
                    patience_ms: orders::PATIENCE_MS,
                    deadline_ms: self.deadline_ms,
                    lease_ms: orders::LEASE_MS,
                    customer_rate: 1000,
                    log,
                };
                let build = || async move {
                    let app = orders::build(&config).await?;
                    Ok((app.server, app.workers))
                };
                Host::start(listen, build).await
            }
        }
    }

    /// The URL of the database of a service.
    pub(crate) fn database(&self, name: &str) -> String {
        let file: PathBuf = self.folder.path().join(format!("{name}.db"));
        file_url(&file)
    }

    /// The bus, without its faults.
    pub(crate) fn bus(&self) -> String {
        file_url(&self.folder.path().join("bus.db"))
    }

    /// Sends a request to a service: its status and its body, or null if it is no JSON.
    pub(crate) async fn send(
        &self,
        service: &str,
        method: Method,
        path: &str,
        key: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.at[service]))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Body::from(body.to_string()))
            .unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        (head.status.as_u16(), body)
    }

    pub(crate) async fn get(&self, service: &str, path: &str) -> Value {
        let nothing = json!(null);
        self.send(service, Method::GET, path, "none", &nothing)
            .await
            .1
    }

    pub(crate) async fn place(&self, key: &str, customer: &str, line: (&str, i64)) -> (u16, Value) {
        let (product, quantity) = line;
        let line = json!({"product": product, "quantity": quantity});
        let order = json!({"customer": customer, "lines": [line]});
        self.send("orders", Method::POST, "/orders", key, &order)
            .await
    }

    /// Places an order, whose id is the answer.
    pub(crate) async fn placed(&self, key: &str, customer: &str, line: (&str, i64)) -> String {
        let (status, body) = self.place(key, customer, line).await;
        let id = body["id"].as_str().or_else(|| body["order"].as_str());
        id.unwrap_or_else(|| panic!("{status}: {body}")).to_owned()
    }

    pub(crate) async fn cancel(&self, id: &str) -> (u16, Value) {
        let path = format!("/orders/{id}/cancel");
        self.send("orders", Method::POST, &path, "none", &json!(null))
            .await
    }

    pub(crate) async fn order(&self, id: &str) -> Value {
        self.get("orders", &format!("/orders/{id}")).await
    }

    pub(crate) async fn saga(&self, id: &str) -> Value {
        self.get("orders", &format!("/orders/{id}/saga")).await
    }

    /// Waits until the order has this status.
    pub(crate) async fn settles(&self, id: &str, status: &str) {
        until(&format!("{id} is {status}"), async || {
            match self.order(id).await {
                order if order["status"] == status => Ok(()),
                order => Err(order.to_string()),
            }
        })
        .await;
    }
}

/// Waits until `holds`, for a generous time, and says why it does not.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> Result<(), String>) {
    let began = Instant::now();
    while let Err(why) = holds().await {
        assert!(began.elapsed() < PATIENCE, "{what}: {why}");
        sleep(Duration::from_millis(20)).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(90);

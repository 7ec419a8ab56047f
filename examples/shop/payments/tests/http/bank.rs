//! Payments and cards for one test.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    extract::Request,
    middleware::{Next, from_fn},
};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use shop_kit::{
    flow::Flow,
    host::Host,
    ids::{OrderId, PaymentId},
    server::Server,
    stack::ServerHandles,
    testing::TestDb,
    webhook::WebhookSecret,
};
use tokio::sync::oneshot;
use tower_keep::chaos::{ChaosConfig, Fault};

pub(crate) struct Bank {
    client: Client<HttpConnector, Body>,
    payments: Option<Host>,
    pub(crate) payments_at: SocketAddr,
    cards: Option<Host>,
    cards_at: SocketAddr,
    pub(crate) cards_layers: ServerHandles,
    pub(crate) webhooks: cards::Webhooks,
    heard: Heard,
    payments_db: TestDb,
    _cards_db: TestDb,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// The methods of what the network was asked.
type Heard = Arc<Mutex<Vec<Method>>>;

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Long, so that a busy machine changes no outcome.
const LONG_MS: u64 = 8000;
/// Long enough for no test to see the reconciler.
const NEVER_MS: u64 = 3_600_000;

impl Bank {
    /// Payments whose reconciler never comes to it.
    pub(crate) async fn open() -> Self {
        Self::open_with(NEVER_MS).await
    }

    /// Payments whose reconciler asks so soon.
    pub(crate) async fn open_with(grace_ms: u64) -> Self {
        let (payments_db, cards_db) = (TestDb::sqlite(&[]).await, TestDb::sqlite(&[]).await);
        let heard = Heard::default();
        let (cards, (cards_layers, webhooks)) =
            start_cards(cards_db.url().to_owned(), Arc::clone(&heard)).await;
        let cards_at = cards.address();
        let payments = start_payments(&payments_db, ANY, cards_at, grace_ms).await;
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            payments_at: payments.address(),
            payments: Some(payments),
            cards: Some(cards),
            cards_at,
            cards_layers,
            webhooks,
            heard,
            payments_db,
            _cards_db: cards_db,
        }
    }

    /// The network does as it is told, and nobody hears of it.
    pub(crate) fn lose_answers(&self) {
        let faults = ChaosConfig {
            rate: 1.0,
            faults: vec![Fault::Reset(0)],
            max_active: usize::MAX,
            ..ChaosConfig::default()
        };
        self.cards_layers.chaos.update(faults).unwrap();
    }

    pub(crate) fn heal(&self) {
        self.cards_layers.chaos.stop();
        self.heard.lock().unwrap().clear();
    }

    /// How often the network was asked with this method since it was healed.
    pub(crate) fn heard(&self, method: Method) -> usize {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|one| **one == method).count()
    }

    pub(crate) async fn kill_cards(&mut self) {
        self.cards.take().unwrap().kill().await;
    }

    pub(crate) async fn kill_payments(&mut self) {
        self.payments.take().unwrap().kill().await;
    }

    /// Another starts on its database.
    pub(crate) async fn restart_payments(&mut self) {
        let (at, cards) = (self.payments_at, self.cards_at);
        self.payments = Some(start_payments(&self.payments_db, at, cards, NEVER_MS).await);
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Reply {
        let request = Request::post(format!("http://{}{path}", self.payments_at))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        self.ask(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// Captures, voids or refunds.
    pub(crate) async fn perform(&self, verb: &str, payment: &Value) -> Reply {
        let id = payment["id"].as_str().unwrap();
        self.post(&format!("/payments/{id}/{verb}"), "k", &json!(null))
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let uri = format!("http://{}{path}", self.payments_at);
        let request = Request::get(uri).body(Body::empty()).unwrap();
        self.ask(request).await.body
    }

    pub(crate) async fn status(&self, payment: &Value) -> Value {
        let order = payment["order"].as_str().unwrap();
        self.get(&format!("/payments/order/{order}")).await["status"].clone()
    }

    /// What the network says of a payment, or 404.
    pub(crate) async fn at_network(&self, payment: &Value) -> Value {
        let id = payment["id"].as_str().unwrap();
        let uri = format!("http://{}/authorizations/{id}", self.cards_at);
        let request = Request::get(uri).body(Body::empty()).unwrap();
        self.ask(request).await.body["status"].clone()
    }

    /// What is held on a card, and what was taken.
    pub(crate) async fn card(&self, id: &str) -> (i64, i64) {
        let uri = format!("http://{}/cards", self.cards_at);
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let cards = self.ask(request).await.body;
        let mut cards = cards.as_array().unwrap().iter();
        let card = cards.find(|card| card["id"] == id).unwrap();
        let number = |field: &str| card[field].as_i64().unwrap();
        (number("held"), number("taken"))
    }

    /// The balances of the ledger that are not zero.
    pub(crate) async fn ledger(&self) -> Vec<(String, i64)> {
        let ledger = self.get("/ledger").await;
        for total in ledger["totals"].as_array().unwrap() {
            assert_eq!(total["debits"], total["credits"]);
        }
        let accounts = ledger["accounts"].as_array().unwrap().iter();
        accounts
            .map(|line| {
                let account = line["account"].as_str().unwrap().to_owned();
                (account, line["balance"].as_i64().unwrap())
            })
            .filter(|(_, balance)| *balance != 0)
            .collect()
    }

    pub(crate) async fn ask(&self, request: Request) -> Reply {
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }
}

/// Waits until `holds`, for a generous time.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(waited.is_ok(), "{what}: not within 20 s");
}

/// What the network and payments know, and nobody else.
pub(crate) fn secret() -> WebhookSecret {
    "whsec_bm9ib2R5IGVsc2Ugc2hhbGwga25vdyB0aGlz"
        .parse()
        .unwrap()
}

pub(crate) fn payment(account: &str, minor: i64) -> Value {
    json!({
        "id": PaymentId::generate(),
        "order": OrderId::generate(),
        "account": account,
        "amount": {"minor": minor, "currency": "EUR"},
    })
}

async fn start_cards(database: String, heard: Heard) -> (Host, (ServerHandles, cards::Webhooks)) {
    let config = cards::Config {
        listen: ANY,
        database,
        webhooks: None,
        webhook_secret: Some(secret()),
        demo_data: true,
        log: String::new(),
    };
    let count = move |request: Request, next: Next| {
        heard.lock().unwrap().push(request.method().clone());
        next.run(request)
    };
    let (built, handles) = oneshot::channel();
    let build = || async move {
        let app = cards::build(&config).await?;
        let _ = built.send((app.layers, app.webhooks));
        let server = Server {
            router: app.server.router.layer(from_fn(count)),
            health: app.server.health,
        };
        Ok((server, app.sender))
    };
    let host = Host::start(ANY, build).await.unwrap();
    (host, handles.await.unwrap())
}

async fn start_payments(db: &TestDb, at: SocketAddr, cards: SocketAddr, grace_ms: u64) -> Host {
    let config = payments::Config {
        listen: at,
        database: db.url().to_owned(),
        // Nobody listens here.
        bus: "memory:".to_owned(),
        saga: Flow::Orchestration,
        cards: format!("http://{cards}").parse().unwrap(),
        webhook_secret: Some(secret()),
        cards_timeout_ms: LONG_MS,
        grace_ms,
        log: String::new(),
    };
    let build = || async move {
        let app = payments::build(&config).await?;
        Ok((app.server, app.workers))
    };
    Host::start(at, build).await.unwrap()
}

/// The status of an answer, as a number.
pub(crate) const CREATED: u16 = StatusCode::CREATED.as_u16();

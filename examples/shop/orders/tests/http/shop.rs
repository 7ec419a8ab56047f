//! A whole shop for one test.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use shop_kit::{
    db::file_url,
    flow::Flow,
    host::Host,
    server::{Server, StartError},
    stack::{ClientHandles, ServerHandles},
};
use tempfile::TempDir;
use tokio::sync::oneshot;

pub(crate) struct Shop {
    orders: Option<Host>,
    pub(crate) caller: Caller,
    /// The layers in front of inventory and payments.
    pub(crate) peers: Vec<ClientHandles>,
    /// The layers that customers meet, and those of the peers.
    pub(crate) edge: ServerHandles,
    pub(crate) inventory_layers: ServerHandles,
    pub(crate) payments_layers: ServerHandles,
    payments: Option<Host>,
    /// Where the money of customers is.
    cards: Host,
    pub(crate) inventory: Host,
    pub(crate) shipping: Host,
    pub(crate) payments_at: SocketAddr,
    pub(crate) folder: TempDir,
}

/// Sends requests to one service, over real connections.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client<HttpConnector, Body>,
    address: SocketAddr,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

pub(crate) const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::open_with(|router| router, |router| router).await
    }

    /// A shop whose peers stand behind something else.
    pub(crate) async fn open_with(
        inventory: impl FnOnce(Router) -> Router + Send + 'static,
        payments: impl FnOnce(Router) -> Router + Send + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (inventory, inventory_layers) = start_inventory(&folder, inventory).await;
        let (cards, ()) = start_cards(&folder).await;
        let (payments, payments_layers) =
            start_payments(&folder, ANY, cards.address(), payments).await;
        let payments_at = payments.address();
        let shipping = start_shipping(&folder).await;
        let at = [inventory.address(), payments_at, shipping.address()];
        let (orders, (edge, peers)) = start_orders(&folder, at).await;
        Self {
            caller: Caller::new(orders.address()),
            orders: Some(orders),
            peers,
            edge,
            inventory_layers,
            payments_layers,
            payments: Some(payments),
            cards,
            inventory,
            shipping,
            payments_at,
            folder,
        }
    }

    pub(crate) async fn kill_payments(&mut self) {
        self.payments.take().unwrap().kill().await;
    }

    pub(crate) async fn restart_payments(&mut self) {
        let cards = self.cards.address();
        let (payments, layers) =
            start_payments(&self.folder, self.payments_at, cards, |router| router).await;
        self.payments = Some(payments);
        self.payments_layers = layers;
    }

    /// The order service is killed, and another one starts on its database.
    pub(crate) async fn restart_orders(&mut self) {
        self.orders.take().unwrap().kill().await;
        let (inventory, shipping) = (self.inventory.address(), self.shipping.address());
        let at = [inventory, self.payments_at, shipping];
        let (orders, (edge, peers)) = start_orders(&self.folder, at).await;
        self.caller = Caller::new(orders.address());
        self.orders = Some(orders);
        (self.edge, self.peers) = (edge, peers);
    }

    /// All three services.
    pub(crate) fn services(&self) -> [Caller; 3] {
        let (payments, inventory) = (self.payments_at, self.inventory.address());
        [
            self.caller.clone(),
            Caller::new(payments),
            Caller::new(inventory),
        ]
    }

    /// The layers in front of this peer.
    pub(crate) fn peer(&self, name: &str) -> &ClientHandles {
        self.peers.iter().find(|peer| peer.name == name).unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Reply {
        self.caller.send(method, path, key, body).await
    }

    pub(crate) async fn place(&self, key: &str, order: &Value) -> Reply {
        self.send(Method::POST, "/orders", Some(key), &order.to_string())
            .await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Reply {
        self.send(Method::POST, &format!("/orders/{id}/cancel"), None, "")
            .await
    }

    pub(crate) async fn order(&self, id: &str) -> Value {
        self.caller.get(&format!("/orders/{id}")).await.body
    }

    /// The step that the saga of the order is at.
    pub(crate) async fn step(&self, id: &str) -> Value {
        let saga = self.caller.get(&format!("/orders/{id}/saga")).await.body;
        saga["step"].clone()
    }

    /// Waits until the order has this status.
    pub(crate) async fn settles(&self, id: &str, status: &str) {
        self.caller.settles(id, status).await;
    }

    /// The card: what is free, what captured payments took, how many there are.
    pub(crate) async fn account(&self, id: &str) -> (i64, i64, i64) {
        let cards = Caller::new(self.cards.address()).get("/cards").await.body;
        let card = find(&cards, "id", id);
        let number = |field: &str| card[field].as_i64().unwrap();
        let all = number("balance") + number("held") + number("taken");
        assert_eq!(all, number("seeded"));
        (number("balance"), number("taken"), number("captured"))
    }

    /// The pieces of a product that are set aside, or on their way.
    pub(crate) async fn reserved(&self, sku: &str) -> i64 {
        let products = Caller::new(self.inventory.address())
            .get("/products")
            .await
            .body;
        let product = find(&products, "sku", sku);
        let number = |field: &str| product[field].as_i64().unwrap();
        let gone = number("reserved") + number("shipped");
        assert_eq!(number("on_hand") + gone, number("seeded"));
        gone
    }
}

impl Caller {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, address }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None, "").await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(self.url(path))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.ask(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// Waits until the order has this status.
    pub(crate) async fn settles(&self, id: &str, status: &str) {
        until(&format!("{id} is {status}"), async || {
            self.get(&format!("/orders/{id}")).await.body["status"] == status
        })
        .await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Reply {
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: head.status,
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

/// The id of the order in an answer.
pub(crate) fn id(reply: &Reply) -> String {
    reply.body["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", reply.body))
        .to_owned()
}

pub(crate) fn order(customer: &str, product: &str, quantity: i64) -> Value {
    json!({"customer": customer, "lines": [{"product": product, "quantity": quantity}]})
}

fn find<'a>(list: &'a Value, field: &str, value: &str) -> &'a Value {
    list.as_array()
        .unwrap()
        .iter()
        .find(|item| item[field] == value)
        .unwrap()
}

async fn start_inventory(
    folder: &TempDir,
    wrap: impl FnOnce(Router) -> Router + Send + 'static,
) -> (Host, ServerHandles) {
    let config = inventory::Config {
        listen: ANY,
        database: file_url(&folder.path().join("inventory.db")),
        bus: file_url(&folder.path().join("bus.db")),
        saga: Flow::Orchestration,
        demo_data: true,
        log: String::new(),
    };
    let build = || async move {
        let app = inventory::build(&config).await?;
        Ok((wrapped(app.server, wrap), app.layers, app.workers))
    };
    start(ANY, build).await
}

async fn start_shipping(folder: &TempDir) -> Host {
    let config = shipping::Config {
        listen: ANY,
        database: file_url(&folder.path().join("shipping.db")),
        bus: file_url(&folder.path().join("bus.db")),
        saga: Flow::Orchestration,
        log: String::new(),
    };
    let build = || async move {
        let app = shipping::build(&config).await?;
        Ok((app.server, (), app.workers))
    };
    start(ANY, build).await.0
}

async fn start_cards(folder: &TempDir) -> (Host, ()) {
    let config = cards::Config {
        listen: ANY,
        database: file_url(&folder.path().join("cards.db")),
        // The tests count what payments is asked for.
        webhooks: None,
        webhook_secret: None,
        demo_data: true,
        log: String::new(),
    };
    let build = || async move {
        let app = cards::build(&config).await?;
        Ok((app.server, (), app.sender))
    };
    start(ANY, build).await
}

async fn start_payments(
    folder: &TempDir,
    at: SocketAddr,
    cards: SocketAddr,
    wrap: impl FnOnce(Router) -> Router + Send + 'static,
) -> (Host, ServerHandles) {
    let config = payments::Config {
        listen: at,
        database: file_url(&folder.path().join("payments.db")),
        bus: file_url(&folder.path().join("bus.db")),
        saga: Flow::Orchestration,
        cards: format!("http://{cards}").parse().unwrap(),
        webhook_secret: None,
        // Long, so that a busy machine changes no outcome.
        cards_timeout_ms: 8000,
        grace_ms: payments::GRACE_MS,
        log: String::new(),
    };
    let build = || async move {
        let app = payments::build(&config).await?;
        Ok((wrapped(app.server, wrap), app.layers, app.workers))
    };
    start(at, build).await
}

fn wrapped(server: Server, wrap: impl FnOnce(Router) -> Router) -> Server {
    Server {
        router: wrap(server.router),
        health: server.health,
    }
}

async fn start_orders(
    folder: &TempDir,
    [inventory, payments, shipping]: [SocketAddr; 3],
) -> (Host, (ServerHandles, Vec<ClientHandles>)) {
    let config = orders::Config {
        listen: ANY,
        database: file_url(&folder.path().join("orders.db")),
        inventory: format!("http://{inventory}").parse().unwrap(),
        payments: format!("http://{payments}").parse().unwrap(),
        shipping: format!("http://{shipping}").parse().unwrap(),
        bus: file_url(&folder.path().join("bus.db")),
        saga: Flow::Orchestration,
        deadline_ms: orders::DEADLINE_MS,
        // Long, so that a busy machine changes no outcome.
        peer_timeout_ms: 8000,
        patience_ms: 4000,
        lease_ms: orders::LEASE_MS,
        customer_rate: orders::CUSTOMER_RATE,
        log: String::new(),
    };
    start(ANY, || async move {
        let app = orders::build(&config).await?;
        Ok((app.server, (app.edge, app.peers), app.workers))
    })
    .await
}

/// Starts what `build` makes: a server, the handles that come out, and what is kept inside.
async fn start<B, F, H, K>(at: SocketAddr, build: B) -> (Host, H)
where
    B: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<(Server, H, K), StartError>> + Send,
    H: Send + 'static,
    K: Send + 'static,
{
    let (built, handles) = oneshot::channel();
    let build = || async move {
        let (server, handles, kept) = build().await?;
        let _ = built.send(handles);
        Ok((server, kept))
    };
    let host = Host::start(at, build).await.unwrap();
    (host, handles.await.unwrap())
}

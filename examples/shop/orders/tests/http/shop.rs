//! A whole shop for one test.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shop_kit::{db::file_url, host::Host, notices::Notices};
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) struct Shop {
    pub(crate) app: orders::App,
    pub(crate) payments: Option<Host>,
    inventory: Host,
    payments_at: SocketAddr,
    folder: TempDir,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

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
        let database = file_url(&folder.path().join("inventory.db"));
        let config = inventory::Config {
            listen: ANY,
            database,
            demo_data: true,
            log: String::new(),
        };
        let inventory = Host::start(ANY, || async move {
            inventory::build(&config)
                .await
                .map(|router| (inventory(router), ()))
        });
        let inventory = inventory.await.unwrap();
        let payments = start_payments(&folder, ANY, payments).await;
        let payments_at = payments.address();
        let app = build(&folder, inventory.address(), payments_at).await;
        Self {
            app,
            payments: Some(payments),
            inventory,
            payments_at,
            folder,
        }
    }

    pub(crate) async fn kill_payments(&mut self) {
        self.payments.take().unwrap().kill().await;
    }

    pub(crate) async fn restart_payments(&mut self) {
        self.payments = Some(start_payments(&self.folder, self.payments_at, |router| router).await);
    }

    /// The order process ends and another one starts on its database.
    pub(crate) async fn restart_orders(&mut self) {
        self.app = build(&self.folder, self.inventory.address(), self.payments_at).await;
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Reply {
        send(&self.app.router, method, path, key, body).await
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
        self.send(Method::GET, &format!("/orders/{id}"), None, "")
            .await
            .body
    }

    /// Waits until the order has this status.
    pub(crate) async fn settles(&self, id: &str, status: &str) {
        for _ in 0..1000 {
            if self.order(id).await["status"] == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{id} did not become {status}: {}", self.order(id).await);
    }

    /// The account: what is left, what captured payments took, how many there are.
    pub(crate) async fn account(&self, id: &str) -> (i64, i64, i64) {
        let accounts = self.peer(self.payments_at, "/accounts").await;
        let account = find(&accounts, "id", id);
        let number = |field: &str| account[field].as_i64().unwrap();
        assert_eq!(number("balance") + number("captured"), number("seeded"));
        (number("balance"), number("captured"), number("payments"))
    }

    /// The pieces of a product that are set aside.
    pub(crate) async fn reserved(&self, sku: &str) -> i64 {
        let products = self.peer(self.inventory.address(), "/products").await;
        let product = find(&products, "sku", sku);
        let number = |field: &str| product[field].as_i64().unwrap();
        assert_eq!(number("on_hand") + number("reserved"), number("seeded"));
        number("reserved")
    }

    async fn peer(&self, address: SocketAddr, path: &str) -> Value {
        let client =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
        let client = client.build_http::<Body>();
        let reply = client
            .get(format!("http://{address}{path}").parse().unwrap())
            .await
            .unwrap();
        serde_json::from_slice(&reply.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }
}

pub(crate) async fn send(
    router: &Router,
    method: Method,
    path: &str,
    key: Option<&str>,
    body: &str,
) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: head.status,
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
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

async fn start_payments(
    folder: &TempDir,
    at: SocketAddr,
    wrap: impl FnOnce(Router) -> Router + Send + 'static,
) -> Host {
    let database = file_url(&folder.path().join("payments.db"));
    let config = payments::Config {
        listen: at,
        database,
        demo_data: true,
        log: String::new(),
    };
    let build = || async move {
        payments::build(&config)
            .await
            .map(|router| (wrap(router), ()))
    };
    Host::start(at, build).await.unwrap()
}

async fn build(folder: &TempDir, inventory: SocketAddr, payments: SocketAddr) -> orders::App {
    let config = orders::Config {
        listen: ANY,
        database: file_url(&folder.path().join("orders.db")),
        inventory: format!("http://{inventory}").parse().unwrap(),
        payments: format!("http://{payments}").parse().unwrap(),
        peer_timeout_ms: 1000,
        log: String::new(),
    };
    orders::build(&config, Notices::silent()).await.unwrap()
}

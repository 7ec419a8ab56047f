//! The webhooks of the card network, taken by a merchant on a real socket.

#![expect(clippy::unwrap_used, reason = "a test ends where its network breaks")]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, routing::post};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use shop_kit::{
    client::ServiceClient,
    host::Host,
    ids::PaymentId,
    stack::{Dependency, Places, Reads},
    testing::TestDb,
    webhook::WebhookSecret,
};
use tokio::{net::TcpListener, sync::oneshot, time::sleep};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// A generous time for everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a merchant took. It fails the first time, as they do.
#[derive(Clone)]
struct Taken {
    events: Arc<Mutex<Vec<Value>>>,
    secret: WebhookSecret,
}

async fn take(
    State(taken): State<Taken>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, StatusCode> {
    taken.secret.verify(&headers, &body).unwrap();
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    let mut taken = taken.events.lock().unwrap();
    taken.push(serde_json::from_str(&body).unwrap());
    match taken.len() {
        1 => Err(StatusCode::NOT_IMPLEMENTED),
        _ => Ok(Json(json!({}))),
    }
}

impl Taken {
    fn new(secret: &WebhookSecret) -> Self {
        Self {
            events: Arc::default(),
            secret: secret.clone(),
        }
    }

    async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/hooks", post(take));
        let router = router.with_state(self.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        address
    }

    /// The types of what was taken, once there are so many.
    async fn types(&self, count: usize) -> Vec<String> {
        let wait = async {
            while self.events.lock().unwrap().len() < count {
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
        let taken = self.events.lock().unwrap();
        let kind = |event: &Value| event["type"].as_str().unwrap().to_owned();
        taken.iter().map(kind).collect()
    }
}

async fn network(database: &str, secret: &WebhookSecret) -> (Host, cards::Webhooks) {
    let config = cards::Config {
        listen: ANY,
        database: database.to_owned(),
        webhooks: None,
        webhook_secret: Some(secret.clone()),
        demo_data: true,
        log: String::new(),
    };
    let (handle, webhooks) = oneshot::channel();
    let build = || async move {
        let app = cards::build(&config).await?;
        let _ = handle.send(app.webhooks);
        Ok((app.server, app.sender))
    };
    let host = Host::start(ANY, build).await.unwrap();
    (host, webhooks.await.unwrap())
}

fn merchant(network: &Host) -> ServiceClient {
    let base = format!("http://{}", network.address()).parse().unwrap();
    let dependency = Dependency {
        name: "cards",
        timeout: PATIENCE,
        places: Places::Known,
        reads: Reads::Exact,
    };
    ServiceClient::new(base, &dependency).unwrap()
}

#[tokio::test]
async fn what_happens_is_told_in_order_again_after_a_failure_and_twice_when_told_to() {
    let test = TestDb::sqlite(&[]).await;
    let secret = WebhookSecret::random();
    let (network, webhooks) = network(test.url(), &secret).await;
    let client = merchant(&network);
    let id = PaymentId::generate();
    let hold = json!({"id": id, "card": "cus_anna", "amount": {"minor": 5, "currency": "EUR"}});
    let held: Value = client.post("/authorizations", "k", &hold).await.unwrap();
    assert_eq!(held["status"], "authorized");
    let capture = format!("/authorizations/{id}/capture");
    let _: Value = client.post(&capture, "k", &()).await.unwrap();

    // They waited until there was somebody to tell.
    let taken = Taken::new(&secret);
    webhooks.send_twice(1.0, 7);
    let url = format!("http://{}/hooks", taken.serve().await);
    webhooks.send_to(url.parse().unwrap());
    let [held, captured] = [
        "cards.authorization.authorized.v1",
        "cards.authorization.captured.v1",
    ];
    assert_eq!(taken.types(5).await, [held, held, held, captured, captured]);
    let first = taken.events.lock().unwrap()[0].clone();
    assert_eq!(
        (&first["source"], &first["data"]["id"]),
        (&"/cards".into(), &json!(id))
    );
    assert_eq!(
        first,
        taken.events.lock().unwrap()[2],
        "a repeat is the same event"
    );
}

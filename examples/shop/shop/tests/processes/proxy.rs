//! The network between orders and its peers, which does to a request what networks do.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The peer says no, and does nothing.
    Reject,
    /// It does not arrive, and no answer comes.
    LoseRequest,
    /// It is executed, and no answer comes.
    LoseReply,
    /// It is turned away, and that is known.
    NotSent,
    /// It is executed twice, and the second answer comes.
    Twice,
}

/// Which requests, and how many of them.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) fault: Fault,
    /// Method and end of the path: `POST /capture`.
    pub(crate) of: &'static str,
    /// So many are left.
    pub(crate) times: usize,
}

/// Listens beside each peer of orders, and passes on what no rule is about, in turn to all replicas that
/// there are. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Proxy {
    ports: BTreeMap<&'static str, u16>,
    shared: Arc<Mutex<Shared>>,
    _serving: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    rule: Option<Rule>,
    happened: usize,
    /// How many requests each process has answered.
    answered: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
struct Way {
    to: Vec<String>,
    client: Client<HttpConnector, Body>,
    shared: Arc<Mutex<Shared>>,
}

impl Proxy {
    pub(crate) async fn start(peers: &BTreeMap<&'static str, Vec<u16>>) -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let mut serving = JoinSet::new();
        let mut ports = BTreeMap::new();
        for peer in ["inventory", "payments", "shipping"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ports.insert(peer, listener.local_addr().unwrap().port());
            let way = Way {
                to: peers[peer].iter().map(|port| address(*port)).collect(),
                client: Client::builder(TokioExecutor::new()).build_http(),
                shared: Arc::clone(&shared),
            };
            let router = Router::new().fallback(pass).with_state(way);
            serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        }
        Self {
            ports,
            shared,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self, peer: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[peer])
    }

    /// From now on this goes wrong, and nothing else.
    pub(crate) fn obey(&self, rule: Rule) {
        let mut shared = self.lock();
        shared.happened = 0;
        shared.rule = Some(rule);
    }

    /// How often it went wrong since.
    pub(crate) fn happened(&self) -> usize {
        self.lock().happened
    }

    /// How many requests the process on this port has answered.
    pub(crate) fn answered(&self, port: u16) -> usize {
        self.lock()
            .answered
            .get(&address(port))
            .copied()
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }
}

fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

impl Shared {
    fn fault_of(&mut self, request: &Request<Body>) -> Option<Fault> {
        let rule = self.rule.as_mut()?;
        let (method, end) = rule.of.split_once(' ')?;
        let path = request.uri().path();
        let is_meant = request.method() == method
            && (path.ends_with(end)
                || end
                    .strip_suffix('*')
                    .is_some_and(|start| path.starts_with(start)));
        if !is_meant || rule.times == 0 {
            return None;
        }
        rule.times -= 1;
        self.happened += 1;
        Some(rule.fault)
    }
}

async fn pass(State(way): State<Way>, request: Request<Body>) -> Response {
    let fault = way.shared.lock().unwrap().fault_of(&request);
    match fault {
        None => way.forward(request).await,
        Some(Fault::Reject) => problem(
            StatusCode::CONFLICT,
            json!({"type": "urn:shop:no", "detail": "the proxy says no"}),
        ),
        Some(Fault::NotSent) => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            json!({"type": "urn:shop:away", "executed": false}),
        ),
        Some(Fault::LoseRequest) => pending().await,
        Some(Fault::LoseReply) => {
            let _ = way.forward(request).await;
            pending().await
        }
        Some(Fault::Twice) => {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let again = Request::from_parts(head.clone(), Body::from(body.clone()));
            let _ = way.forward(again).await;
            way.forward(Request::from_parts(head, Body::from(body)))
                .await
        }
    }
}

fn problem(status: StatusCode, body: serde_json::Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, body.to_string()).into_response()
}

impl Way {
    async fn forward(&self, request: Request<Body>) -> Response {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        // A replica that is gone refuses the connection, and the next one is asked.
        for to in self.in_turn() {
            let mut request = Request::from_parts(head.clone(), Body::from(body.clone()));
            *request.uri_mut() = format!("{to}{path}").parse().unwrap();
            match self.client.request(request).await {
                Ok(response) => {
                    let mut shared = self.shared.lock().unwrap();
                    *shared.answered.entry(to).or_default() += 1;
                    return response.map(Body::new);
                }
                Err(error) if error.is_connect() => {}
                Err(_) => break,
            }
        }
        StatusCode::BAD_GATEWAY.into_response()
    }

    /// All of them, beginning with the one whose turn it is: who has answered least.
    fn in_turn(&self) -> Vec<String> {
        let shared = self.shared.lock().unwrap();
        let mut to = self.to.clone();
        to.sort_by_key(|to| shared.answered.get(to).copied().unwrap_or_default());
        to
    }
}

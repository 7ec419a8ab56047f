//! The two stacks of layers of the shop, and the only file that knows them: every service is
//! served through [`server_stack`], every call between services goes through [`client_stack`].

use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::{Request, Response};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tower::{BoxError, service_fn, util::BoxCloneSyncService};

use crate::notices::Notices;

/// A client's stack. Boxed once when it is made, so that [`crate::client::ServiceClient`] need not
/// be generic.
pub type ClientStack = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// What a service calls, and how long it waits for it.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Names the peer in log lines and notices: `payments`.
    pub name: &'static str,
    /// The longest wait for one whole answer.
    pub timeout: Duration,
    /// Where the layers tell what happens, such as a breaker that opens.
    pub notices: Notices,
}

/// The largest answer that a service reads from a peer.
const LARGEST_ANSWER: usize = 1 << 20;

/// Wraps the router of the service `name`.
pub fn server_stack(name: &'static str, router: Router) -> Router {
    tracing::debug!(service = name, "serving");
    router
}

/// Wraps the client for one dependency.
#[must_use]
pub fn client_stack(dependency: &Dependency) -> ClientStack {
    let client = bare_client();
    let timeout = dependency.timeout;
    ClientStack::new(service_fn(move |request| {
        let client = client.clone();
        async move {
            let answer = async {
                let (head, body) = client.request(request).await?.into_parts();
                let body = to_bytes(Body::new(body), LARGEST_ANSWER).await?;
                Ok(Response::from_parts(head, Body::from(body)))
            };
            tokio::time::timeout(timeout, answer).await?
        }
    }))
}

fn bare_client() -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        // Repeating a request is the decision of one layer, not of the connection pool.
        .retry_canceled_requests(false)
        .build(connector)
}

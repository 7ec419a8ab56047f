//! Calls to another service, with the one distinction that an order flow needs: was it done, was
//! it surely not done, or is that unknown?

use std::{error::Error, fmt, time::Duration};

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, Uri, header};
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt;

use crate::{
    problem::Problem,
    stack::{ClientStack, Dependency, client_stack},
};

/// Why a call has no answer that can be used.
#[derive(Debug, Clone, PartialEq)]
pub enum CallError {
    /// The peer said no: surely not done, and asking again will not help.
    Rejected(Problem),
    /// Surely not done, because it never reached a handler: the connection was refused, or a layer
    /// on either side turned the call away.
    NotSent {
        /// When to try again, where somebody said so.
        retry_after: Option<Duration>,
    },
    /// Timeout, reset or server error: it may have been done, or may still happen.
    Unknown(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(problem) => write!(f, "rejected: {}", problem.detail),
            Self::NotSent { .. } => f.write_str("not sent"),
            Self::Unknown(why) => write!(f, "outcome unknown: {why}"),
        }
    }
}

impl Error for CallError {}

/// The client of one peer. Clones share its connections and its layers.
#[derive(Debug, Clone)]
pub struct ServiceClient {
    name: &'static str,
    base: Uri,
    stack: ClientStack,
}

/// The largest answer that is read.
const LARGEST_ANSWER: usize = 1 << 20;

impl ServiceClient {
    /// A client for the peer at `base`, such as `http://127.0.0.1:8102`.
    #[must_use]
    pub fn new(base: Uri, dependency: &Dependency) -> Self {
        Self {
            name: dependency.name,
            base,
            stack: client_stack(dependency),
        }
    }

    /// Sends `body` under an idempotency key, so that repeating it is safe.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let body =
            serde_json::to_vec(body).map_err(|error| CallError::Unknown(error.to_string()))?;
        let request = self
            .request(Method::POST, path)
            .header("idempotency-key", key);
        self.send(
            request.header(header::CONTENT_TYPE, "application/json"),
            body.into(),
        )
        .await
    }

    /// Removes what `path` names.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.send(self.request(Method::DELETE, path), Body::empty())
            .await
    }

    /// Reads what `path` names.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.send(self.request(Method::GET, path), Body::empty())
            .await
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let base = self.base.to_string();
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", base.trim_end_matches('/')))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: http::request::Builder,
        body: Body,
    ) -> Result<T, CallError> {
        // A request that cannot be built was not sent.
        let request = request
            .body(body)
            .map_err(|_| CallError::NotSent { retry_after: None })?;
        let response = self
            .stack
            .clone()
            .oneshot(request)
            .await
            .map_err(|error| sort_error(&*error))?;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, LARGEST_ANSWER)
            .await
            .map_err(|error| CallError::Unknown(format!("{}: {error}", self.name)))?;
        if head.status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| {
                CallError::Unknown(format!(
                    "{} answered what cannot be read: {error}",
                    self.name
                ))
            });
        }
        let mut problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        problem.status = head.status.as_u16();
        Err(sort_problem(problem, &head.headers))
    }
}

fn sort_problem(problem: Problem, headers: &HeaderMap) -> CallError {
    if problem.executed == Some(false) {
        let seconds = headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        return CallError::NotSent {
            retry_after: seconds.map(Duration::from_secs),
        };
    }
    match problem.status {
        // Timed out, too early and too many say nothing about the effect.
        408 | 425 | 429 => CallError::Unknown(format!("status {}", problem.status)),
        400..500 => CallError::Rejected(problem),
        status => CallError::Unknown(format!("status {status}: {}", problem.detail)),
    }
}

fn sort_error(error: &(dyn Error + 'static)) -> CallError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>()
            && error.is_connect()
        {
            return CallError::NotSent { retry_after: None };
        }
        cause = error.source();
    }
    CallError::Unknown(error.to_string())
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use http::StatusCode;
    use tokio::net::TcpListener;

    use super::*;
    use crate::notices::Notices;

    fn client(address: std::net::SocketAddr) -> ServiceClient {
        let base = format!("http://{address}").parse().unwrap();
        let timeout = Duration::from_millis(200);
        ServiceClient::new(
            base,
            &Dependency {
                name: "peer",
                timeout,
                notices: Notices::silent(),
            },
        )
    }

    #[tokio::test]
    async fn answers_are_sorted_by_what_they_say_about_the_effect() {
        let shed = || async {
            let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shed", "full");
            problem.executed = Some(false);
            problem.retry_after(Duration::from_secs(3))
        };
        let router = Router::new()
            .route("/yes", get(|| async { "7" }))
            .route(
                "/no",
                get(|| async { Problem::new(StatusCode::CONFLICT, "no", "no") }),
            )
            .route("/shed", get(shed))
            .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }))
            .route("/hangs", get(std::future::pending::<()>));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });

        assert_eq!(client.get::<u8>("/yes").await, Ok(7));
        assert!(
            matches!(client.get::<u8>("/no").await, Err(CallError::Rejected(p)) if p.kind == "urn:shop:no")
        );
        let retry_after = Some(Duration::from_secs(3));
        assert_eq!(
            client.get::<u8>("/shed").await,
            Err(CallError::NotSent { retry_after })
        );
        assert!(matches!(
            client.get::<u8>("/broken").await,
            Err(CallError::Unknown(_))
        ));
        assert!(matches!(
            client.get::<u8>("/hangs").await,
            Err(CallError::Unknown(_))
        ));
    }

    #[tokio::test]
    async fn a_refused_connection_is_surely_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(
            client.get::<u8>("/").await,
            Err(CallError::NotSent { retry_after: None })
        );
    }
}

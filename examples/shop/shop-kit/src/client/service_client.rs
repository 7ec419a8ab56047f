use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt;
use tower_keep::{config::ConfigError, fallback::FallbackAnswer, rejection::Rejection};

use super::{CallError, doubt};
use crate::{
    drills::crash_point,
    problem::Problem,
    stack::{ClientHandles, ClientStack, Dependency, client_stack},
};

/// The client of one peer. Clones share its connections and its layers.
#[derive(Debug, Clone)]
pub struct ServiceClient {
    name: &'static str,
    base: Uri,
    stack: ClientStack,
    handles: ClientHandles,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// What the peer says, or said.
    pub value: T,
    /// How old it is, if the peer could not be asked and an older answer had to do.
    pub age: Option<Duration>,
}

/// The largest answer that is read.
const LARGEST_ANSWER: usize = 1 << 20;

impl ServiceClient {
    /// A client for the peer at `base`, such as `http://127.0.0.1:8102`.
    ///
    /// # Errors
    /// The dependency's timeout is out of range.
    pub fn new(base: Uri, dependency: &Dependency) -> Result<Self, ConfigError> {
        let (stack, handles) = client_stack(dependency)?;
        Ok(Self {
            name: dependency.name,
            base,
            stack,
            handles,
        })
    }

    /// The handles of the layers that its calls go through.
    #[must_use]
    pub fn handles(&self) -> &ClientHandles {
        &self.handles
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
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        self.post_as(path, key, headers, body).await
    }

    /// The same with a body that is written already, and headers that say what it is, such as its
    /// signature.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn post_as<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<T, CallError> {
        let mut request = self
            .request(Method::POST, path)
            .header("idempotency-key", key);
        if let Some(all) = request.headers_mut() {
            all.extend(headers);
        }
        let read = self.send(request, body.into()).await?;
        Ok(read.value)
    }

    /// Removes what `path` names.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.send(self.request(Method::DELETE, path), Body::empty())
            .await
            .map(|read| read.value)
    }

    /// Reads what `path` names; where the dependency allows for it, what it was before may do.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Read<T>, CallError> {
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
    ) -> Result<Read<T>, CallError> {
        let request = request.body(body).map_err(|error| CallError::NotSent {
            why: error.to_string(),
            retry_after: None,
        })?;
        crash_point("before a call");
        let outcome = doubt::watch(self.exchange(request)).await;
        crash_point("after a call");
        match outcome {
            (Err(CallError::NotSent { why, .. }), true) => Err(CallError::Unknown(format!(
                "an attempt was lost, and the next one not sent: {why}"
            ))),
            (outcome, _) => outcome,
        }
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        request: Request<Body>,
    ) -> Result<Read<T>, CallError> {
        let response = self
            .stack
            .clone()
            .oneshot(request)
            .await
            .map_err(|error| CallError::of_error(&*error))?;
        // An older answer carries the refusal that it stands for, and is one all the same.
        let is_old = response.extensions().get::<FallbackAnswer>().is_some();
        if let Some(rejection) = Rejection::of(&response)
            .filter(|no| no.is_unexecuted())
            .filter(|_| !is_old)
        {
            return Err(CallError::of_rejection(rejection));
        }
        let (head, body) = response.into_parts();
        let body = to_bytes(body, LARGEST_ANSWER)
            .await
            .map_err(|error| CallError::Unknown(format!("{}: {error}", self.name)))?;
        if head.status.is_success() {
            let age = is_old.then(|| age(&head.headers));
            return match serde_json::from_slice(&body) {
                Ok(value) => Ok(Read { value, age }),
                Err(error) => Err(CallError::Unknown(format!(
                    "{} answered what cannot be read: {error}",
                    self.name
                ))),
            };
        }
        let mut problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        problem.status = head.status.as_u16();
        if problem.executed == Some(false) {
            doubt::withdraw_last();
        }
        Err(CallError::of_answer(problem, &head.headers))
    }
}

fn age(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(header::AGE).and_then(|age| age.to_str().ok());
    Duration::from_secs(seconds.and_then(|age| age.parse().ok()).unwrap_or(0))
}

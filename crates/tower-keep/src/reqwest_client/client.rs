use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use reqwest::Body;
use tower_service::Service;

use super::future::come_from;
use crate::BoxError;

/// Layers around a [`ReqwestService`](super::ReqwestService), for requests and responses of reqwest's kind.
///
/// Each call is made by a clone of the service, so this is shared by reference or cloned, like
/// `reqwest::Client`.
#[derive(Clone, Debug)]
pub struct ReqwestClient<S> {
    service: S,
}

impl<S> ReqwestClient<S> {
    /// Around `service`, which is a client in layers.
    pub const fn new(service: S) -> Self {
        Self { service }
    }

    /// Sends what reqwest's methods have made: `client.get(url)`, `client.post(url).body("..")`.
    ///
    /// # Errors
    /// If the request cannot be built, or with the error of the service. A refusal is a response.
    pub async fn send<B>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, S::Error>
    where
        S: Service<Request<Body>, Response = Response<B>, Error: From<reqwest::Error>> + Clone,
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Sync + 'static,
    {
        self.execute(request.build()?).await
    }

    /// Sends a request that is built already.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn execute<B>(&self, request: reqwest::Request) -> Result<reqwest::Response, S::Error>
    where
        S: Service<Request<Body>, Response = Response<B>, Error: From<reqwest::Error>> + Clone,
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Sync + 'static,
    {
        let url = request.url().clone();
        let request = Request::try_from(request)?;
        let mut service = self.service.clone();
        std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
        let mut response = service.call(request).await?;
        come_from(&mut response, url);
        Ok(response.map(Body::wrap).into())
    }
}

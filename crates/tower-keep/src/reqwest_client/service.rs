use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use reqwest::{Body, redirect, retry};
use tower_service::Service;

use super::{Error, ResponseFuture};
use crate::BoxError;

/// reqwest's client as a service of `http`'s requests; see the [module](super) for why.
///
/// A clone is the same client, with the same connections.
#[derive(Clone, Debug)]
pub struct ReqwestService {
    client: reqwest::Client,
    /// Whether it neither follows redirects nor retries.
    one_exchange: bool,
}

impl ReqwestService {
    /// Builds the client, with its own redirects and retries switched off.
    ///
    /// # Errors
    /// As `ClientBuilder::build`.
    pub fn build(builder: reqwest::ClientBuilder) -> Result<Self, Error> {
        let client = builder
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .build()?;
        Ok(Self {
            client,
            one_exchange: true,
        })
    }

    /// A client as it is: it may follow redirects and retry, so that of a call that failed nobody knows
    /// whether it was processed.
    #[must_use]
    pub fn new(client: reqwest::Client) -> Self {
        Self {
            client,
            one_exchange: false,
        }
    }

    /// The client, to make requests with.
    #[must_use]
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }
}

impl<B> Service<Request<B>> for ReqwestService
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Sync + 'static,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Service::<reqwest::Request>::poll_ready(&mut self.client, cx).map_err(Error::from)
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let request = request.map(|body| match body.is_end_stream() {
            true => Body::default(),
            false => Body::wrap(body),
        });
        ResponseFuture::new(&mut self.client, request.try_into(), self.one_exchange)
    }
}

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project::pin_project;
use reqwest::{Body, ResponseBuilderExt, Url};
use tower_service::Service;

use super::Error;

/// The answer of a [`ReqwestService`](super::ReqwestService).
#[pin_project]
pub struct ResponseFuture {
    #[pin]
    state: State,
    one_exchange: bool,
}

#[pin_project(project = StateProjected)]
enum State {
    Sent(#[pin] <reqwest::Client as Service<reqwest::Request>>::Future),
    /// Not a request that can be sent.
    Invalid(Option<reqwest::Error>),
}

impl ResponseFuture {
    pub(super) fn new(
        client: &mut reqwest::Client,
        request: reqwest::Result<reqwest::Request>,
        one_exchange: bool,
    ) -> Self {
        let state = match request {
            Ok(request) => State::Sent(client.call(request)),
            Err(error) => State::Invalid(Some(error)),
        };
        Self {
            state,
            one_exchange,
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = match this.state.project() {
            StateProjected::Sent(sent) => ready!(sent.poll(cx)),
            StateProjected::Invalid(error) => {
                Err(error.take().expect("a future is not polled after its end"))
            }
        };
        Poll::Ready(match outcome {
            Ok(response) => {
                let url = response.url().clone();
                let mut response = Response::from(response);
                come_from(&mut response, url);
                Ok(response)
            }
            Err(error) => Err(Error::of(error, *this.one_exchange)),
        })
    }
}

/// Says where an answer came from, unless it says so itself, as reqwest keeps it.
pub(super) fn come_from<B>(response: &mut Response<B>, url: Url) {
    let (mut parts, ()) = Response::builder()
        .url(url)
        .body(())
        .expect("a status and a URL make a response")
        .into_parts();
    let own = std::mem::take(response.extensions_mut());
    parts.extensions.extend(own);
    *response.extensions_mut() = parts.extensions;
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

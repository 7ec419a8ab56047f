//! What several tests need: a server on loopback, a client for it, a body sent by hand, an error.

use std::{convert::Infallible, net::SocketAddr};

use axum::Router;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client, client::legacy::connect::HttpConnector, rt::TokioExecutor,
};
use tokio::sync::mpsc;
use tower_keep::{protocol::CarriesRejection, rejection::Rejection};

/// The errors of a service that is not HTTP.
#[derive(Debug)]
pub(crate) enum QuoteError {
    Rejected(Rejection),
    Busy,
    UnknownSymbol,
}

impl From<Rejection> for QuoteError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl CarriesRejection for QuoteError {
    fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Busy | Self::UnknownSymbol => None,
        }
    }
}

/// A plain hyper client.
pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// Serves `app` on loopback until the test ends.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// A client with connections of its own.
pub(crate) fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://{address}{path}"))
        .body(Full::default())
        .unwrap()
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A body whose frames the test sends one by one; it ends when the sender is dropped.
pub(crate) fn by_hand() -> (
    mpsc::UnboundedSender<Bytes>,
    StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>>>,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let frames = stream::unfold(receiver, |mut receiver| async {
        receiver
            .recv()
            .await
            .map(|bytes| (Ok(Frame::data(bytes)), receiver))
    });
    (sender, StreamBody::new(frames))
}

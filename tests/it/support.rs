//! What several tests need: a server on loopback, a client for it, a body sent by hand, an error.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
use tracing::{Level, subscriber::DefaultGuard};

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

/// What this thread logs while it lives.
///
/// One at a time in the process: `tracing` asks about a place that logs once, for all subscribers that
/// there are, and two that come and go at the same moment can miss each other's.
pub(crate) struct Log {
    lines: Lines,
    _default: DefaultGuard,
    _alone: MutexGuard<'static, ()>,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn start(level: Level) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .without_time()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let default = tracing::subscriber::set_default(subscriber);
        // A place that another test's thread met first is off for all, unless it is asked about again.
        tracing::callsite::rebuild_interest_cache();
        Self {
            lines,
            _default: default,
            _alone: alone,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

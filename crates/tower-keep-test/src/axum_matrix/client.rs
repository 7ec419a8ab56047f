//! The way from the test to the app.

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::Request,
    http::{Response, StatusCode},
};
use http_body_util::BodyExt;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tower::ServiceExt;

use super::{
    case::{BROKEN, Case, Drive},
    meter::METERED,
};

/// Sends requests to an app the way that a case asks for. Dropping it stops the server.
pub(super) enum Client {
    Sockets {
        connections: Vec<SendRequest<Body>>,
        server: JoinHandle<()>,
    },
    Oneshot(Router),
}

impl Client {
    pub(super) async fn new(case: Case, app: Router) -> Self {
        if case.drive == Drive::Oneshot {
            return Self::Oneshot(app);
        }
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let server = tokio::spawn(async move {
            // It ends only by being aborted.
            let _ = match case.drive {
                Drive::IntoMakeService => axum::serve(listener, app.into_make_service()).await,
                _ => axum::serve(listener, app).await,
            };
        });
        let mut connections = Vec::with_capacity(case.connections);
        for _ in 0..case.connections {
            connections.push(connect(address).await);
        }
        Self::Sockets {
            connections,
            server,
        }
    }

    /// Sends the `nth` request and reads its response to the end.
    pub(super) fn send(
        &self,
        nth: usize,
        path: &str,
    ) -> impl Future<Output = Reply> + Send + use<> {
        enum Way {
            Socket(SendRequest<Body>),
            Oneshot(Router),
        }
        let (way, uri) = match self {
            Self::Oneshot(app) => (Way::Oneshot(app.clone()), path.to_owned()),
            Self::Sockets { connections, .. } => (
                Way::Socket(connections[nth % connections.len()].clone()),
                format!("http://localhost{path}"),
            ),
        };
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse().expect("the kit makes well-formed paths");
        async move {
            match way {
                Way::Oneshot(app) => {
                    let Ok(response) = app.oneshot(request).await;
                    Reply::read(response).await
                }
                Way::Socket(mut connection) => match connection.send_request(request).await {
                    Ok(response) => Reply::read(response).await,
                    Err(_) => Reply::BROKEN,
                },
            }
        }
    }
}

/// What is left of a response once it has been read.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// Whether it came from the handler.
    pub(super) metered: bool,
}

impl Reply {
    /// A connection or a body broke.
    const BROKEN: Self = Self {
        status: BROKEN,
        metered: false,
    };

    async fn read<B: HttpBody>(response: Response<B>) -> Self {
        let (head, body) = response.into_parts();
        let metered = head.headers.contains_key(METERED);
        let whole = body.collect().await.is_ok();
        Self {
            status: if whole { head.status } else { BROKEN },
            metered,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Self::Sockets { server, .. } = self {
            server.abort();
        }
    }
}

/// HTTP/2, so that one connection carries many requests at once. It closes with its last sender.
async fn connect(address: SocketAddr) -> SendRequest<Body> {
    let stream = TcpStream::connect(address)
        .await
        .expect("the server of this case listens");
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("the server of this case speaks HTTP/2");
    tokio::spawn(connection);
    sender
}

//! Listening, serving and ending.

use std::{error::Error, io, net::SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tower_keep::health::HealthLayer;

use crate::{cli, stack::ClientHandles};

/// A service with its layers, ready to be served. Made by [`crate::stack::server_stack`].
#[derive(Debug, Clone)]
pub struct Server {
    /// Goes around the router when it is served: answers probes, and sees the traffic off.
    pub health: HealthLayer,
    /// The routes, with all other layers around them.
    pub router: Router,
}

/// Any error of a start.
pub type StartError = Box<dyn Error + Send + Sync>;

impl Server {
    /// Shows the layers in front of a peer on `/health`. They can make it a `warn` and change
    /// nothing else: an outage of a peer must not spread.
    #[must_use]
    pub fn watch(mut self, peer: &ClientHandles) -> Self {
        self.health = self
            .health
            .watch(peer.breaker.clone())
            .watch(peer.adaptive.clone())
            .watch(peer.bulkhead.clone());
        self
    }

    /// Serves until SIGTERM or Ctrl-C. Goes on accepting for the drain delay with `/readyz` at
    /// 503, then closes the port and lets running requests end; a second signal ends it at once.
    ///
    /// # Errors
    /// The process may not listen to signals.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        let report = self.health.serve(listener, self.router).await?;
        tracing::info!("{report}");
        Ok(())
    }

    /// Serves until `stop` is done, then ends in the same way.
    pub async fn serve_until(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let report = self.health.serve_until(listener, self.router, stop).await;
        tracing::info!("{report}");
    }
}

/// Runs one service as its program does: starts the log, binds `address`, awaits what is `built`, and
/// serves it until SIGTERM or Ctrl-C. What was built besides, such as background tasks, is kept until
/// the last request has ended.
///
/// # Errors
/// The log filter is none, the address is taken, or the service cannot be built.
pub async fn run<K>(
    name: &'static str,
    address: SocketAddr,
    log: &str,
    built: impl Future<Output = Result<(Server, K), StartError>>,
) -> Result<(), StartError> {
    cli::start_log(log)?;
    let listener = listen(address).await?;
    let (server, _kept) = built.await?;
    tracing::info!(address = %listener.local_addr()?, "{name} listens");
    server.serve(listener).await?;
    Ok(())
}

/// Binds `address`; port 0 takes any free one.
///
/// # Errors
/// The address is taken or not ours.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ListenError { address, source })
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; give another address or port")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Done at Ctrl-C or SIGTERM.
pub async fn signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

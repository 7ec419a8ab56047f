//! Listening, serving and ending.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use tokio::net::TcpListener;

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
    source: std::io::Error,
}

/// How long requests may still run after `shutdown`.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `shutdown` is done, then lets running requests end for up to five seconds.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (asked, mut ending) = tokio::sync::watch::channel(false);
    let graceful = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        asked.send_replace(true);
    });
    tokio::select! {
        result = graceful.into_future() => result,
        // The sender lives in the future beside this one, so the wait ends with `true` only.
        () = async { let _ = ending.wait_for(|asked| *asked).await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
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

//! A service in a runtime of its own inside this process, that can be killed like a process.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    runtime::Runtime,
    sync::oneshot,
    task::{self, JoinHandle},
};

use crate::server::{Server, StartError, listen};

/// A running service. Its tasks, its listener and its connections live in its own runtime: killing
/// the service ends all of them at once, wherever they are. Dropped, it is killed in the background.
#[derive(Debug)]
pub struct Host {
    address: SocketAddr,
    runtime: Option<Runtime>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Host {
    /// Binds `address` (port 0 takes a free one), then serves what `build` makes. What
    /// `build` makes besides, such as a background task, is kept while the service runs.
    ///
    /// # Errors
    /// The address is taken, or `build` fails.
    pub async fn start<B, F, K>(address: SocketAddr, build: B) -> Result<Self, StartError>
    where
        B: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<(Server, K), StartError>> + Send,
        K: Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = oneshot::channel();
        let serving = runtime.spawn(async move {
            let start = async {
                let listener = listen(address).await?;
                let address = listener.local_addr()?;
                let (server, kept) = build().await?;
                Ok::<_, StartError>((address, listener, server, kept))
            };
            match start.await {
                Ok((address, listener, server, _kept)) => {
                    let _ = ready.send(Ok(address));
                    let stopped = async { drop(stopped.await) };
                    server.serve_until(listener, stopped).await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        // Made before the wait: should it be dropped there, `Drop` ends the runtime.
        let mut host = Self {
            address,
            runtime: Some(runtime),
            stop,
            serving,
        };
        host.address = started
            .await
            .map_err(|_| io::Error::other("the service ended while it started"))??;
        Ok(host)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as SIGKILL would: the listener closes, connections break, work is lost half done.
    pub async fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            let ended =
                task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(2)));
            let _ = ended.await;
        }
    }

    /// Drains and lets running requests end first: see [`Server::serve_until`].
    pub async fn stop(mut self) {
        // Whoever waits on the other end takes the closed channel as the word to stop.
        self.stop = oneshot::channel().0;
        let _ = (&mut self.serving).await;
        self.kill().await;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::net::TcpStream;
    use tower_keep::health::HealthLayer;

    use super::*;

    async fn start(address: SocketAddr) -> Result<Host, StartError> {
        let router = Router::new().route("/", get(|| async { "here" }));
        let health = HealthLayer::default();
        Host::start(address, || async { Ok((Server { health, router }, ())) }).await
    }

    #[tokio::test]
    async fn a_killed_service_frees_its_port_and_can_come_back_on_it() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let host = start(any).await.unwrap();
        let address = host.address();
        TcpStream::connect(address).await.unwrap();
        assert!(
            start(address)
                .await
                .unwrap_err()
                .to_string()
                .contains("cannot listen on")
        );
        host.kill().await;
        assert!(TcpStream::connect(address).await.is_err());
        assert_eq!(start(address).await.unwrap().address(), address);
    }
}

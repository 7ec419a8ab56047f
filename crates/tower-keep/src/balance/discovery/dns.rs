use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::net::lookup_host;
use tower::discover::Change;

use super::{DiscoveryError, Polled};

/// The addresses of a host, looked up again and again through the system's resolver.
///
/// The system does not say how long an answer is good for, so the interval is yours. One that finds
/// nothing, or cannot ask, keeps the addresses it has.
#[derive(Debug)]
pub struct Dns(Polled<SocketAddr>);

impl Dns {
    /// The addresses of `host:port`, looked up every 30 s.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(host_and_port: impl Into<String>) -> Self {
        Self::every(Duration::from_secs(30), host_and_port)
    }

    /// The same, looked up as often as you say.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn every(interval: Duration, host_and_port: impl Into<String>) -> Self {
        let host = host_and_port.into();
        Self(Polled::new(interval, move || {
            let host = host.clone();
            async move { Ok(lookup_host(host).await?.collect::<Vec<_>>()) }
        }))
    }
}

impl Stream for Dns {
    type Item = Result<Change<SocketAddr, SocketAddr>, DiscoveryError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

//! The layer on a listener of axum's.

use std::{io, pin::pin, time::Duration};

use axum::{body::Body, extract::ConnectInfo, serve::Listener};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{task::JoinSet, time::timeout};
use tower_layer::Layer;
use tower_service::Service;

use super::{DrainReport, Health, HealthLayer, Lifecycle, Phase, signal::Signals};
use crate::BoxError;

impl HealthLayer {
    /// Serves `app`, with this layer outermost, until the process is told to stop by SIGTERM or
    /// SIGINT (Ctrl-C), or by [`Lifecycle::stop`]; and sees it off.
    ///
    /// It is [`Ready`](Phase::Ready) once it accepts, unless
    /// [`ready_by_hand`](super::LifecycleConfig::ready_by_hand). On the signal it goes on accepting for
    /// the drain delay with readiness at 503; then it closes the port, tells the connections to
    /// finish what they have begun, and at the deadline cuts off what is left. A second signal cuts
    /// off at once. `axum::serve(..).with_graceful_shutdown(..)` has neither: it refuses the very
    /// probes that should see the 503, and waits for the last stream without a bound.
    ///
    /// It returns at most a second after the deadline, whatever handlers do. What lives outside a
    /// response is not waited for and not cut off: WebSockets after the upgrade and spawned tasks
    /// should watch [`Lifecycle::stopping`]; [`Lifecycle::idle`] waits for those that
    /// [`track`](Lifecycle::track) themselves. Handlers find the peer in
    /// [`ConnectInfo`]`<L::Addr>`, such as `ConnectInfo<SocketAddr>`.
    ///
    /// Dropping the future closes the port and cuts off every connection.
    ///
    /// # Errors
    /// If the process may not listen to signals.
    pub async fn serve<L, S, B>(&self, listener: L, app: S) -> io::Result<DrainReport>
    where
        L: Listener,
        L::Addr: Clone + Sync + 'static,
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError> + 'static,
        S::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut signals = Signals::listen()?;
        let lifecycle = self.lifecycle();
        let serving = self.serve_until(listener, app, async {
            signals.next().await;
            lifecycle.stop();
            signals.next().await;
            lifecycle.force();
        });
        Ok(serving.await)
    }

    /// [`serve`](Self::serve) that is told to stop when `stop` is done, and by no signal.
    pub async fn serve_until<L, S, B>(
        &self,
        mut listener: L,
        app: S,
        stop: impl Future<Output = ()>,
    ) -> DrainReport
    where
        L: Listener,
        L::Addr: Clone + Sync + 'static,
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError> + 'static,
        S::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let lifecycle = self.lifecycle();
        // So that the first probe finds results, if the layer was made before the runtime.
        self.registry.start_checks();
        if !lifecycle.config().ready_by_hand {
            lifecycle.ready();
        }
        let mut connections = JoinSet::new();
        let app = self.layer(app);
        let accept = async {
            loop {
                let (io, peer) = listener.accept().await;
                // Those that are over are let go of here, so that the set does not grow.
                while connections.try_join_next().is_some() {}
                let app = PerConnection {
                    app: app.clone(),
                    peer,
                };
                connections.spawn(converse(io, app, lifecycle.clone()));
            }
        };
        // The signals stay heard to the end: a second one may force.
        let mut stop = pin!(async {
            stop.await;
            lifecycle.stop();
            std::future::pending::<()>().await;
        });
        tokio::select! {
            () = accept => {}
            () = stop.as_mut() => {}
            () = lifecycle.reached(Phase::Closing) => {}
        }
        drop(listener);
        tokio::select! {
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = stop.as_mut() => {}
            () = lifecycle.reached(Phase::Forced) => {}
        }
        while connections.try_join_next().is_some() {}
        let report = DrainReport {
            finished: lifecycle.finished(),
            cut_off: if connections.is_empty() {
                0
            } else {
                lifecycle.in_flight()
            },
            connections_cut_off: connections.len(),
            took: lifecycle.stopped_for(),
        };
        connections.abort_all();
        // A handler that blocks its thread cannot be cut off; it is not waited for for long either.
        let _ = timeout(LAST_WAIT, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
        report
    }
}

const LAST_WAIT: Duration = Duration::from_secs(1);

/// Speaks HTTP/1 or HTTP/2 on one connection until it is over, or told to finish.
async fn converse<I, S, P, B>(io: I, app: PerConnection<S, P>, lifecycle: Lifecycle)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    P: Clone + Send + Sync + 'static,
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError> + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut server = Builder::new(TokioExecutor::new());
    // WebSockets over HTTP/2, RFC 8441.
    server.http2().enable_connect_protocol();
    let service = TowerToHyperService::new(app);
    let mut connection = pin!(server.serve_connection_with_upgrades(TokioIo::new(io), service));
    tokio::select! {
        // A connection that breaks is the peer's business: there is nobody left to tell.
        _ = connection.as_mut() => return,
        () = lifecycle.reached(Phase::Closing) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// The app on one connection: its requests know the peer.
#[derive(Clone)]
struct PerConnection<S, P> {
    app: Health<S>,
    peer: P,
}

impl<S, P, ReqB, ResB> Service<Request<ReqB>> for PerConnection<S, P>
where
    P: Clone + Send + Sync + 'static,
    S: Service<Request<Body>, Response = Response<ResB>> + Clone,
    ReqB: HttpBody<Data = Bytes> + Send + 'static,
    ReqB::Error: Into<BoxError>,
    S::Error: 'static,
    ResB: HttpBody,
{
    type Response = <Health<S> as Service<Request<Body>>>::Response;
    type Error = S::Error;
    type Future = <Health<S> as Service<Request<Body>>>::Future;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.app.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let mut request = request.map(Body::new);
        request
            .extensions_mut()
            .insert(ConnectInfo(self.peer.clone()));
        self.app.call(request)
    }
}

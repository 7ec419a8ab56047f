//! The service behind the layers, what comes back through them, a server on loopback.

use std::{fmt, future::pending, net::SocketAddr, time::Duration};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, time::sleep};
use tower::{Service, ServiceExt, service_fn};
use tower_keep::{protocol::CarriesRejection, rejection::Rejection};
use tower_resilience_adaptive::AdaptiveError;
use tower_resilience_bulkhead::BulkheadServiceError;
use tower_resilience_circuitbreaker::CircuitBreakerError;
use tower_resilience_ratelimiter::RateLimiterServiceError;
use tower_resilience_timelimiter::TimeLimiterError;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a call does once it is let in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Good,
    Bad,
    /// Is answered after a while.
    Slow(Duration),
    /// Fails after a while.
    SlowBad(Duration),
    /// Never answers.
    Hang,
}

/// The error of the service, with a place for our refusals.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Down,
    Refused(Rejection),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Refused(rejection) => rejection.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl CarriesRejection for Failure {
    fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Refused(rejection) => Some(rejection),
            Self::Down => None,
        }
    }
}

pub(crate) async fn work(call: Call) -> Result<(), Failure> {
    match call {
        Call::Good => Ok(()),
        Call::Bad => Err(Failure::Down),
        Call::Slow(time) => {
            sleep(time).await;
            Ok(())
        }
        Call::SlowBad(time) => {
            sleep(time).await;
            Err(Failure::Down)
        }
        Call::Hang => pending().await,
    }
}

/// The service behind the layers.
pub(crate) fn backend() -> impl Guarded<Error = Failure> {
    service_fn(work)
}

/// A service that may refuse a call.
pub(crate) trait Guarded:
    Service<Call, Response = (), Error: Refuses, Future: Send + 'static> + Clone + Send + Sync + 'static
{
}

impl<S> Guarded for S where
    S: Service<Call, Response = (), Error: Refuses, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// An error of which one can tell whether the call got to the service.
pub(crate) trait Refuses: fmt::Debug + Send + 'static {
    fn refused(&self) -> bool;
}

impl Refuses for Failure {
    fn refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl<E: Refuses> Refuses for CircuitBreakerError<E> {
    fn refused(&self) -> bool {
        match self {
            Self::OpenCircuit => true,
            Self::Inner(error) => error.refused(),
        }
    }
}

impl<E: Refuses> Refuses for BulkheadServiceError<E> {
    fn refused(&self) -> bool {
        match self {
            Self::Bulkhead(_) => true,
            Self::Inner(error) => error.refused(),
        }
    }
}

impl<E: Refuses> Refuses for RateLimiterServiceError<E> {
    fn refused(&self) -> bool {
        match self {
            Self::RateLimited => true,
            Self::Inner(error) => error.refused(),
        }
    }
}

impl<E: Refuses> Refuses for AdaptiveError<E> {
    fn refused(&self) -> bool {
        match self {
            Self::LimitReached => true,
            Self::Service(error) => error.refused(),
        }
    }
}

/// A call that was cut off got there.
impl<E: Refuses> Refuses for TimeLimiterError<E> {
    fn refused(&self) -> bool {
        matches!(self, Self::Inner(error) if error.refused())
    }
}

impl<E: Refuses> Refuses for failsafe::Error<E> {
    fn refused(&self) -> bool {
        match self {
            Self::Rejected => true,
            Self::Inner(error) => error.refused(),
        }
    }
}

impl<E: Refuses> Refuses for recloser::Error<E> {
    fn refused(&self) -> bool {
        match self {
            Self::Rejected => true,
            Self::Inner(error) => error.refused(),
        }
    }
}

/// One call, and whether it was refused.
pub(crate) async fn refuses(service: &impl Guarded, call: Call) -> bool {
    let answer = service.clone().oneshot(call).await;
    answer.is_err_and(|error| error.refused())
}

/// How many of so many calls in a row are let in.
pub(crate) async fn let_in(service: &impl Guarded, calls: usize, call: Call) -> usize {
    let mut admitted = 0;
    for _ in 0..calls {
        admitted += usize::from(!refuses(service, call).await);
    }
    admitted
}

/// Serves `app` on loopback until the runtime ends.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback is there");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// `GET` over a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Response<Incoming>, Error> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{address}{path}")).body(Full::<Bytes>::default());
    client.request(request.expect("it is a request")).await
}

/// `GET /` over so many connections, one after another, and how many are answered 2xx.
pub(crate) async fn answered(app: Router, connections: usize) -> usize {
    let address = serve(app).await;
    let mut answered = 0;
    for _ in 0..connections {
        let answer = get(address, "/").await.expect("the server is there");
        answered += usize::from(answer.status().is_success());
    }
    answered
}

/// A request with no body.
pub(crate) fn request() -> Request<axum::body::Body> {
    Request::new(axum::body::Body::empty())
}

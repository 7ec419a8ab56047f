//! The two stacks of layers of the shop, and the only file that knows them: every service is
//! served through [`server_stack`], every call between services goes through [`client_stack`].
//!
//! ```text
//! a service                  a call to a peer
//!   health                     deadline for all attempts
//!   correlation id             retry, within a budget
//!   timeout                    correlation id
//!   bulkhead                   circuit breaker
//!   router                     bulkhead
//!                              timeout of one attempt
//!                              hyper's client
//! ```

use std::time::Duration;

use axum::{Router, body::Body};
use http::{Request, Response};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tower::{BoxError, ServiceBuilder, util::BoxCloneSyncService};
use tower_keep::{
    backoff::Backoff,
    bulkhead::{BulkheadConfig, BulkheadHandle, BulkheadLayer},
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerHandle, CircuitBreakerLayer},
    config::ConfigError,
    correlation_id::{CorrelationIdLayer, PropagateLayer},
    health::{CheckConfig, HealthConfig, HealthLayer, LifecycleConfig, datastore},
    retry::{ReplayBody, RetryConfig, RetryHandle, RetryLayer},
    timeout::{TimeoutConfig, TimeoutLayer},
};

use crate::{client::note_doubt, db::Db, server::Server};

/// Wraps the router of the service `name`, whose one own dependency is `database`.
///
/// # Errors
/// A number below is out of range; the error names it.
pub fn server_stack(
    name: &'static str,
    version: &'static str,
    database: &Db,
    router: Router,
) -> Result<Server, ConfigError> {
    // Outermost, and put around the rest by `Server`: probes are never limited, timed or counted.
    // Only what this service cannot work without is critical; peers are none of its readiness.
    let database = database.clone();
    let ping = move || {
        let database = database.clone();
        async move { database.ping().await }
    };
    let bulkhead = BulkheadLayer::from_config(places())?.named(name);
    let health = HealthLayer::from_config(health(name, version))?
        .critical("database", datastore(ping))
        .watch(bulkhead.handle());

    let layers = ServiceBuilder::new()
        // Outside whatever may refuse, so that refusals and their events carry the id too.
        .layer(CorrelationIdLayer::new().named(name))
        // Outside the bulkhead, so that it covers its queue. Takes the caller's deadline if that
        // is earlier: nobody works for a caller who has given up.
        .layer(TimeoutLayer::from_config(answer_within(SERVER_TIMEOUT))?.named(name))
        // Innermost: a place is for a request that is worked on, until the end of its answer.
        .layer(bulkhead);
    Ok(Server {
        health,
        router: router.layer(layers),
    })
}

/// What a service calls, and how long it waits for it.
#[derive(Debug, Clone, Copy)]
pub struct Dependency {
    /// Names the peer in events, health pages and log lines: `payments`.
    pub name: &'static str,
    /// The longest wait for one whole answer, over all attempts.
    pub timeout: Duration,
}

/// A client's stack. Boxed once when it is made, so that [`crate::client::ServiceClient`] need not
/// be generic.
pub type ClientStack = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// To look at the layers in front of one peer, to hear their events and to steer them.
#[derive(Debug, Clone)]
pub struct ClientHandles {
    /// The peer.
    pub name: &'static str,
    /// How often calls were tried again, and why not more often.
    pub retry: RetryHandle,
    /// Whether the peer is called at all.
    pub breaker: CircuitBreakerHandle,
    /// How many calls to the peer run.
    pub bulkhead: BulkheadHandle,
}

/// Wraps the client for one dependency. State lives in the layers, so this is called once for each
/// peer, and clones of the stack share it.
///
/// # Errors
/// The timeout or a number below is out of range; the error names it.
pub fn client_stack(dependency: &Dependency) -> Result<(ClientStack, ClientHandles), ConfigError> {
    let Dependency { name, timeout } = *dependency;
    let deadline = TimeoutLayer::from_config(call_within(timeout))?;
    let retry = RetryLayer::from_config(attempts())?.retry_if(note_doubt);
    let breaker = CircuitBreakerLayer::from_config(circuit())?;
    let bulkhead = BulkheadLayer::from_config(places_for_peer())?;
    let attempt = TimeoutLayer::from_config(TimeoutConfig::attempt(timeout / 2))?;
    let handles = ClientHandles {
        name,
        retry: retry.handle(),
        breaker: breaker.handle(),
        bulkhead: bulkhead.handle(),
    };
    let stack = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .map_err(BoxError::from)
        // Over all attempts, the waits between them and the body: what a caller waits at most.
        .layer(deadline.named(name))
        // Outside the breaker, whose refusals it never repeats. A POST is repeated as well, since
        // it has an Idempotency-Key; the budget keeps repeats to a fifth of the calls.
        .layer(retry.named(name))
        // Inside retry, so that each attempt is a span of its own; the id is the caller's.
        .layer(PropagateLayer::new())
        // Counts each attempt, and outside the attempt's timeout also those that were too slow.
        .layer(breaker.named(name))
        // One slow peer gets so many calls and no more. Inside the breaker: a full bulkhead says
        // nothing about the peer, and no place is held while the circuit is open.
        .layer(bulkhead.named(name))
        // Leaves time for a second attempt, and tells the peer how long this one will be waited for.
        .layer(attempt.named(name))
        .service(hyper_client());
    Ok((ClientStack::new(stack), handles))
}

fn hyper_client() -> Client<HttpConnector, ReplayBody<Body>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        // Repeating a request is the decision of one layer, not of the connection pool.
        .retry_canceled_requests(false)
        .build(connector)
}

// The numbers. What is not named here is the layer's default, whose docs give the reason.

/// A little more than all calls that one order needs, see `--peer-timeout-ms` of orders.
const SERVER_TIMEOUT: Duration = Duration::from_secs(5);

fn health(name: &str, version: &str) -> HealthConfig {
    HealthConfig {
        check: CheckConfig {
            interval: Duration::from_secs(2),
            ..CheckConfig::default()
        },
        lifecycle: LifecycleConfig {
            // Nothing balances load in front of the demo. Behind Kubernetes: the default, 5 s.
            drain_delay: Duration::from_secs(1),
            deadline: Duration::from_secs(10),
            ..LifecycleConfig::default()
        },
        ..HealthConfig::service(name, version)
    }
}

fn answer_within(timeout: Duration) -> TimeoutConfig {
    TimeoutConfig {
        timeout: Some(timeout),
        ..TimeoutConfig::api()
    }
}

/// Each place may want one of the 8 connections to the database; what waits longer than 100 ms for
/// a place is told to come back.
fn places() -> BulkheadConfig {
    BulkheadConfig::queued(64)
}

fn call_within(timeout: Duration) -> TimeoutConfig {
    TimeoutConfig {
        // What the peer is told is the time of the attempt, which is shorter.
        propagate: Some(false),
        ..TimeoutConfig::attempt(timeout)
    }
}

fn attempts() -> RetryConfig {
    RetryConfig {
        backoff: Backoff {
            base: Duration::from_millis(50),
            ..Backoff::default()
        },
        // A customer waits for this call; what has to wait longer is left to the finisher.
        max_retry_after: Duration::from_millis(500),
        ..RetryConfig::default()
    }
}

fn circuit() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        // Two orders' worth of attempts: at ten orders a second a row of ten would be slow to see.
        consecutive_failures: Some(5),
        // Short, since the outage that the scenario shows is.
        open_for: Duration::from_secs(1),
        max_open_for: Duration::from_secs(2),
        ramp: Duration::from_secs(1),
        ..CircuitBreakerConfig::default()
    }
}

fn places_for_peer() -> BulkheadConfig {
    BulkheadConfig::new(32)
}

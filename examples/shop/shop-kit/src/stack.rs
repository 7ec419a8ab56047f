//! The two stacks of layers of the shop, and the only file that knows them: every service is
//! served through [`server_stack`], every call between services goes through [`client_stack`].
//!
//! ```text
//! a service                  a call to a peer
//!   health                     fallback: an older answer to a read
//!   correlation id             deadline for all attempts
//!   timeout                    retry, within a budget
//!   rate limit, for each       hedge: late reads, within the same
//!     customer                   correlation id, priority
//!   detach                       circuit breaker
//!   load shedding                adaptive limit or bulkhead
//!   catch panic                  timeout of one attempt
//!   chaos                        hyper's client
//!   router
//! ```

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{Request, Response};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tower::{BoxError, ServiceBuilder, util::BoxCloneSyncService};
use tower_keep::{
    adaptive::{AdaptiveHandle, AdaptiveLayer},
    bulkhead::{BulkheadHandle, BulkheadLayer},
    catch_panic::CatchPanicLayer,
    chaos::{ChaosHandle, ChaosLayer},
    circuit_breaker::{CircuitBreakerHandle, CircuitBreakerLayer},
    config::ConfigError,
    context::Priority,
    correlation_id::{CorrelationIdLayer, PropagateLayer},
    detach::{DetachHandle, DetachLayer},
    fallback::{Causes, FallbackHandle, FallbackLayer},
    health::{HealthLayer, datastore},
    hedge::{HedgeHandle, HedgeLayer},
    keyed::{Key, KeyedHandle},
    load_shed::{LoadShedHandle, LoadShedLayer},
    protocol::Head,
    rate_limit::RateLimitLayer,
    replay::ReplayBody,
    retry::{RetryHandle, RetryLayer},
    timeout::{TimeoutConfig, TimeoutLayer},
};

use crate::{
    client::note_doubt,
    db::Db,
    numbers::{
        SERVER_TIMEOUT, answer_within, ask_twice, attempts, call_within, calls_of_one, circuit,
        health, id, older_answers, places, places_for_peer, places_found, writes_go_on,
    },
    server::Server,
};

/// A service, and what its layers have to know of it.
#[derive(Debug, Clone)]
pub struct Service {
    /// Names it in events, health pages and log lines: `orders`.
    pub name: &'static str,
    /// Its version, for the health page.
    pub version: &'static str,
    /// Who calls it.
    pub callers: Callers,
    /// Which calls suffer when chaos is switched on; as it is made, none do.
    pub chaos: ChaosLayer,
}

/// Who calls a service.
#[derive(Debug, Clone, Copy)]
pub enum Callers {
    /// The shop's own services. Those say in a header how much a call matters, and are believed.
    Peers,
    /// People, who are not.
    Customers {
        /// How many calls a second each of them may make.
        rate: u32,
        /// How much a call matters.
        matters: fn(&Head<'_>) -> Priority,
    },
}

/// To look at the layers of a service, to hear their events and to steer them.
#[derive(Debug, Clone)]
pub struct ServerHandles {
    /// How many calls each customer may make.
    pub rate_limit: KeyedHandle<RateLimitLayer>,
    /// Which calls go on without their callers.
    pub detach: DetachHandle,
    /// Which calls are turned away when there are too many.
    pub shed: LoadShedHandle,
    /// Makes calls slow or fail, to see what comes of it.
    pub chaos: ChaosHandle,
}

/// Wraps the router of a service, whose one own dependency is `database`.
///
/// # Errors
/// A number below is out of range; the error names it.
pub fn server_stack(
    service: &Service,
    database: &Db,
    router: Router,
) -> Result<(Server, ServerHandles), ConfigError> {
    let Service { name, callers, .. } = *service;
    // Outermost, and put around the rest by `Server`: probes are never limited, timed or counted.
    // Only what this service cannot work without is critical; peers are none of its readiness.
    let database = database.clone();
    let ping = move || {
        let database = database.clone();
        async move { database.ping().await }
    };
    let rate_limit = RateLimitLayer::from_config(calls_of_one(callers))?;
    let rate_limit = rate_limit.named(name).keyed(Key::by(customer));
    let detach = DetachLayer::from_config(writes_go_on(callers))?.named(name);
    let shed = LoadShedLayer::from_config(places(callers))?.named(name);
    let shed = match callers {
        Callers::Customers { matters, .. } => shed.prioritize(move |head| Some(matters(head))),
        Callers::Peers => shed,
    };
    let chaos = service.chaos.clone().named(name);
    let health = HealthLayer::from_config(health(name, service.version))?
        .critical("database", datastore(ping))
        .watch(shed.handle());
    let handles = ServerHandles {
        rate_limit: rate_limit.handle(),
        detach: detach.handle(),
        shed: shed.handle(),
        chaos: chaos.handle(),
    };

    let layers = ServiceBuilder::new()
        // Outside whatever may refuse, so that refusals and their events carry the id too.
        .layer(CorrelationIdLayer::from_config(id(callers))?.named(name))
        // Outside the queue for a place, so that it covers it. Takes the caller's deadline if that
        // is earlier: nobody works for a caller who has given up.
        .layer(TimeoutLayer::from_config(answer_within(SERVER_TIMEOUT))?.named(name))
        // One customer gets so much, before anybody looks at how much there is to do: what is too
        // much should not even wait for a place.
        .layer(rate_limit)
        // Outside the places: an order whose customer hangs up, or whose time is over, is placed
        // all the same, and keeps its place until it is.
        .layer(detach)
        // A place is for a request that is worked on, until the end of its answer. Where there are
        // too few, what matters less goes first; the priority travels with the calls to peers.
        .layer(shed)
        // A handler that panics is a 500 to its caller, and a failure to all layers outside.
        .layer(CatchPanicLayer::new().named(name))
        // Innermost, in place of the fault that it plays.
        .layer(chaos);
    let server = Server {
        health,
        router: router.layer(layers),
    };
    Ok((server, handles))
}

/// Who asks: the customer, or for want of a name the address.
///
/// The header stands in for a login. Take what your authentication says: whoever may choose his own
/// name has as many limits as he likes.
fn customer<'a>(head: &Head<'a>) -> Option<Cow<'a, str>> {
    if let Some(name) = head.headers.get(CUSTOMER) {
        return name.to_str().ok().map(Cow::Borrowed);
    }
    let ConnectInfo(address) = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(Cow::Owned(address.ip().to_string()))
}

/// The header that names the customer.
pub const CUSTOMER: &str = "x-customer";

/// What a service calls, how long it waits for it, and what may be done to help.
#[derive(Debug, Clone, Copy)]
pub struct Dependency {
    /// Names the peer in events, health pages and log lines: `payments`.
    pub name: &'static str,
    /// The longest wait for one whole answer, over all attempts.
    pub timeout: Duration,
    /// How many calls at once it gets.
    pub places: Places,
    /// How it is read.
    pub reads: Reads,
}

/// How many calls at once a peer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// What it is known to take.
    Known,
    /// As many as it seems to take: nobody knows what is behind it.
    Adaptive,
}

/// What is done about reads that are late, or fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Nothing: an older answer would be a wrong one.
    Exact,
    /// Late ones are asked for twice, and what fails is answered by what was answered before.
    MayBeOld,
}

/// A client's stack. Boxed once when it is made, so that [`crate::client::ServiceClient`] need not
/// be generic.
pub type ClientStack = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// To look at the layers in front of one peer, to hear their events and to steer them.
#[derive(Debug, Clone)]
pub struct ClientHandles {
    /// The peer.
    pub name: &'static str,
    /// How often an older answer had to do.
    pub fallback: FallbackHandle,
    /// How often calls were tried again, and why not more often.
    pub retry: RetryHandle,
    /// How often late reads were asked for twice, and whether it helped.
    pub hedge: HedgeHandle,
    /// Whether the peer is called at all.
    pub breaker: CircuitBreakerHandle,
    /// How many calls to the peer may run, where that is found out.
    pub adaptive: AdaptiveHandle,
    /// How many calls to the peer run, where it is known how many may.
    pub bulkhead: BulkheadHandle,
}

/// Wraps the client for one dependency. State lives in the layers, so this is called once for each
/// peer, and clones of the stack share it.
///
/// # Errors
/// The timeout or a number below is out of range; the error names it.
pub fn client_stack(dependency: &Dependency) -> Result<(ClientStack, ClientHandles), ConfigError> {
    let Dependency { name, timeout, .. } = *dependency;
    let fallback = FallbackLayer::from_config(older_answers(dependency.reads))?;
    let deadline = TimeoutLayer::from_config(call_within(timeout))?;
    let retry = RetryLayer::from_config(attempts())?.retry_if(note_doubt);
    let hedge = HedgeLayer::from_config(ask_twice(dependency.reads))?
        .eligible_if(|head| head.method.is_safe())
        .budget_of_outer(retry.handle().budget());
    let breaker = CircuitBreakerLayer::from_config(circuit())?;
    let adaptive = AdaptiveLayer::from_config(places_found(dependency.places))?;
    let bulkhead = BulkheadLayer::from_config(places_for_peer(dependency.places))?;
    let attempt = TimeoutLayer::from_config(TimeoutConfig::attempt(timeout / 2))?;
    let handles = ClientHandles {
        name,
        fallback: fallback.handle(),
        retry: retry.handle(),
        hedge: hedge.handle(),
        breaker: breaker.handle(),
        adaptive: adaptive.handle(),
        bulkhead: bulkhead.handle(),
    };
    let stack = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .map_err(BoxError::from)
        // Outside everything that can say no, the deadline too: whatever it is, yesterday's page is
        // better than none.
        .layer(fallback.named(name).when_stale(Causes::ANY))
        // Over all attempts, the waits between them and the body: what a caller waits at most.
        .layer(deadline.named(name))
        // Outside the breaker, whose refusals it never repeats. A POST is repeated as well, since
        // it has an Idempotency-Key; the budget keeps repeats to a fifth of the calls.
        .layer(retry.named(name))
        // Inside retry, whose budget it shares; outside the breaker, so that each attempt counts.
        // Reads only: a write that is late is doing something.
        .layer(hedge.named(name))
        // Inside retry, so that each attempt is a span of its own; the id is the caller's, and so
        // is how much the call matters.
        .layer(PropagateLayer::new())
        // Counts each attempt, and outside the attempt's timeout also those that were too slow.
        .layer(breaker.named(name))
        // One slow peer gets so many calls and no more, and one of the two says how many. Inside the
        // breaker: a full one says nothing about the peer, and no place is held while the circuit is
        // open.
        .layer(adaptive.named(name))
        .layer(bulkhead.named(name))
        // Leaves time for a second attempt, and tells the peer how long this one will be waited for.
        .layer(attempt.named(name))
        .service(hyper_client());
    Ok((ClientStack::new(stack), handles))
}

fn hyper_client() -> Client<HttpConnector, ReplayBody<ReplayBody<Body>>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        // Repeating a request is the decision of one layer, not of the connection pool.
        .retry_canceled_requests(false)
        .build(connector)
}

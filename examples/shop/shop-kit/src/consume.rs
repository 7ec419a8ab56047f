//! Acts on what other services tell.

use std::{future::pending, time::Duration};

use tower::{Service, ServiceBuilder};
use tower_keep::timeout::TimeoutLayer;
use tower_keep_durable::{
    BoxError, Bus, Consumer, Event, Inbox,
    bus::{BusError, Types},
    consumer::ConsumerConfig,
    inbox::Handler,
};

use crate::{
    bus::{LEASE, counts},
    db::Db,
    drills::lease,
};

/// How long one event may take. A handler writes a few rows; whoever takes longer waits for a
/// database that does not answer, and its partition of the bus with it. It is rolled back and tried
/// again.
const HANDLE_WITHIN: Duration = Duration::from_secs(5);

/// How many events a mere listener handles at once. It has time, and shares its disk with those who
/// take orders; on SQLite all but one wait anyway.
const AT_ONCE: usize = 1;

/// The same for a service whose part an order waits for: while the bus hears that one was handled, and
/// that takes a write of its own, the next one is.
const AT_ONCE_FOR_ORDERS: usize = 4;

/// Joins the bus at `url` under the name of the handler, and has it handle `types` as long as what is returned
/// runs. Dropped, what was in hand is rolled back and delivered again.
///
/// The group is there on return: what is told from then on will be handled, whenever that begins.
/// `db` must have the tables of [`consumer::SCHEMAS`](tower_keep_durable::consumer::SCHEMAS).
///
/// # Errors
/// The bus does not answer.
pub async fn consume<H: Handler>(
    db: &Db,
    url: &str,
    bus: Bus,
    types: Types,
    inbox: Inbox<H>,
) -> Result<impl Future<Output = ()> + Send + use<H>, BusError> {
    run(db, url, bus, (H::NAME, AT_ONCE), types, inbox).await
}

/// The same for a service that takes part in choreography. `inbox` may have layers around it, so the
/// name of its handler is to be given.
///
/// # Errors
/// The bus does not answer.
pub async fn take_part<S>(
    db: &Db,
    url: &str,
    bus: Bus,
    name: &'static str,
    types: Types,
    inbox: S,
) -> Result<impl Future<Output = ()> + Send + use<S>, BusError>
where
    S: Service<Event, Response = (), Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    run(db, url, bus, (name, AT_ONCE_FOR_ORDERS), types, inbox).await
}

async fn run<S>(
    db: &Db,
    url: &str,
    bus: Bus,
    (name, concurrency): (&'static str, usize),
    types: Types,
    inbox: S,
) -> Result<impl Future<Output = ()> + Send + use<S>, BusError>
where
    S: Service<Event, Response = (), Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    drop(bus.subscribe(name, &types).await?);
    let handler = ServiceBuilder::new()
        .layer(TimeoutLayer::new(HANDLE_WITHIN).named(name).plain())
        .service(inbox);
    let config = ConsumerConfig {
        concurrency,
        bus_counts: counts(url),
        ack_wait: lease(LEASE),
        ..ConsumerConfig::default()
    };
    let consumer = Consumer::new(db.clone(), bus, name, types, handler).with_config(config);
    Ok(consumer.run(pending()))
}

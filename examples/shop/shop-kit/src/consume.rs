//! Acts on what other services tell.

use std::{future::pending, time::Duration};

use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::timeout::TimeoutLayer;
use tower_keep_durable::{
    BoxError, Bus, Consumer, Event, Inbox,
    bus::{BusError, Types},
    consumer::ConsumerConfig,
    inbox::Handler,
};

use crate::{bus::LEASE, db::Db, drills::lease, flow::Flow};

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

/// Joins the bus under the name of the handler, and has it handle `types` as long as what is returned
/// runs. Dropped, what was in hand is rolled back and delivered again.
///
/// The group is there on return: what is told from then on will be handled, whenever that begins.
/// `db` must have the tables of [`consumer::SCHEMAS`](tower_keep_durable::consumer::SCHEMAS).
///
/// # Errors
/// The bus does not answer.
pub async fn consume<H: Handler>(
    db: &Db,
    bus: Bus,
    types: Types,
    inbox: Inbox<H>,
) -> Result<impl Future<Output = ()> + Send + use<H>, BusError> {
    run(db, bus, (H::NAME, AT_ONCE), types, inbox).await
}

/// The same for a service that takes part in choreography: it handles what bears the
/// [mark](Flow::mark) of that, and passes the other orders' events over, without a transaction.
/// `inbox` may have layers around it, so the name of its handler is to be given.
///
/// # Errors
/// The bus does not answer.
pub async fn take_part<S>(
    db: &Db,
    bus: Bus,
    name: &'static str,
    types: Types,
    inbox: S,
) -> Result<impl Future<Output = ()> + Send + use<S>, BusError>
where
    S: Service<Event, Response = (), Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    run(db, bus, (name, AT_ONCE_FOR_ORDERS), types, marked(inbox)).await
}

/// The same for the service that an order belongs to. It hears whatever is told of it, also without the
/// mark: what somebody does by hand to get an order on bears none.
///
/// # Errors
/// The bus does not answer.
pub async fn hear<S>(
    db: &Db,
    bus: Bus,
    name: &'static str,
    types: Types,
    inbox: S,
) -> Result<impl Future<Output = ()> + Send + use<S>, BusError>
where
    S: Service<Event, Response = (), Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    run(db, bus, (name, AT_ONCE_FOR_ORDERS), types, inbox).await
}

/// Handles what bears the mark of choreography, and nothing else.
fn marked<S>(
    inbox: S,
) -> impl Service<Event, Response = (), Error = BoxError, Future: Send> + Clone + Send + 'static
where
    S: Service<Event, Response = (), Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    service_fn(move |event: Event| {
        let inbox = inbox.clone();
        async move {
            match Flow::of(&event) {
                Flow::Choreography => inbox.oneshot(event).await,
                Flow::Orchestration => Ok(()),
            }
        }
    })
}

async fn run<S>(
    db: &Db,
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
        ack_wait: lease(LEASE),
        ..ConsumerConfig::default()
    };
    let consumer = Consumer::new(db.clone(), bus, name, types, handler).with_config(config);
    Ok(consumer.run(pending()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn what_bears_no_mark_does_not_reach_the_inbox() {
        static HANDLED: AtomicUsize = AtomicUsize::new(0);
        let inbox = service_fn(|_: Event| async {
            HANDLED.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(BoxError::from("the inbox says no"))
        });
        let event =
            |flow: Flow| flow.mark(Event::new("/shop/orders", "shop.order.x.v1", json!({})));
        let mut marked = marked(inbox);
        marked.call(event(Flow::Orchestration)).await.unwrap();
        assert_eq!(HANDLED.load(Ordering::Relaxed), 0);
        let handled = marked.call(event(Flow::Choreography)).await;
        assert_eq!(handled.unwrap_err().to_string(), "the inbox says no");
        assert_eq!(HANDLED.load(Ordering::Relaxed), 1);
    }
}

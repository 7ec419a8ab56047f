use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use tokio::{
    join, select,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tower_keep::backoff::Backoff;
use tower_service::Service;

use super::{ConsumerConfig, ConsumerError, Outcome, Worked, deliver, letters, shared::Shared};
use crate::{
    BoxError, Bus, Db, DeadLetters, Event,
    bus::{BusError, Delivery, Subscription, Types},
    common::worker::{Pass, work},
    observe,
};

/// Runs a handler on what a bus delivers. See the [module](super).
#[derive(Clone)]
pub struct Consumer<S> {
    shared: Arc<Shared>,
    service: S,
}

impl<S> Consumer<S>
where
    S: Service<Event, Response = (), Error: Into<BoxError>> + Clone,
{
    /// The group `name` of `bus`, which wants `types` and has `service` handle them. `db` was opened
    /// with [`SCHEMAS`](super::SCHEMAS). Of an [`Inbox`](crate::Inbox), `name` is its handler's.
    #[must_use]
    pub fn new(db: Db, bus: Bus, name: impl Into<String>, types: Types, service: S) -> Self {
        let shared = Shared::new(db, bus, name.into(), types, ConsumerConfig::default());
        Self {
            shared: Arc::new(shared),
            service,
        }
    }

    /// With this configuration.
    #[must_use]
    pub fn with_config(self, config: ConsumerConfig) -> Self {
        let Shared {
            db,
            bus,
            name,
            types,
            ..
        } = &*self.shared;
        let config = ConsumerConfig {
            concurrency: config.concurrency.max(1),
            max_attempts: config.max_attempts.max(1),
            ..config
        };
        let shared = Shared::new(db.clone(), bus.clone(), name.clone(), types.clone(), config);
        Self {
            shared: Arc::new(shared),
            service: self.service,
        }
    }

    /// The dead letters of its database; what they release, this consumer handles at once.
    #[must_use]
    pub fn letters(&self) -> DeadLetters {
        self.shared.letters.clone()
    }

    /// Takes one delivery from its arrival to its end, for those who subscribe themselves. Dropped, it
    /// is delivered again.
    ///
    /// # Errors
    /// The database or the bus fails; it is delivered again.
    pub fn handle(
        &self,
        delivery: Delivery,
    ) -> impl Future<Output = Result<Outcome, ConsumerError>> + use<S> {
        deliver::deliver(self.shared.clone(), self.service.clone(), delivery, None)
    }

    /// Handles letters that were released, and what is parked behind them, at most 64; reports
    /// gauges, and deletes some of what is old. One process of a database does so at a time.
    ///
    /// # Errors
    /// The database fails; the next pass goes on.
    pub fn pass(&self) -> impl Future<Output = Result<Worked, ConsumerError>> + use<S> {
        letters::pass(self.shared.clone(), self.service.clone())
    }

    /// Consumes until `stop`; then takes nothing more, and finishes what is in hand within
    /// [`drain`](ConsumerConfig::drain). Dropped, it stops at once, and the bus delivers again what
    /// was in hand.
    pub async fn run(self, stop: impl Future<Output = ()>)
    where
        S: Send + 'static,
        S::Future: Send,
    {
        let (stopping, mut stopped) = watch::channel(());
        let shared = self.shared.clone();
        let letters = (self.shared.clone(), self.service.clone());
        let pass = move || {
            let pass = letters::pass(letters.0.clone(), letters.1.clone());
            async move {
                let worked = pass.await?;
                Ok(match worked.replayed {
                    0 => Pass::Idle,
                    _ => Pass::Busy,
                })
            }
        };
        let receive = async move {
            self.receive(stop).await;
            drop(stopping);
        };
        // Ends when the sender is dropped.
        let ended = async move { while stopped.changed().await.is_ok() {} };
        let poll = shared.config.poll;
        join!(
            receive,
            work("dead letters", poll, &shared.letters.wake, ended, pass)
        );
        if let Err(error) = shared.lease.release(&shared.db).await {
            observe::failed("dead letters", &error.into());
        }
    }

    async fn receive(self, stop: impl Future<Output = ()>)
    where
        S: Send + 'static,
        S::Future: Send,
    {
        let mut stop = pin!(stop);
        let Self { shared, service } = self;
        let mut tasks = JoinSet::new();
        let room = Arc::new(Semaphore::new(shared.config.concurrency));
        if let Some(mut subscription) = subscribed(&shared, stop.as_mut()).await {
            let mut failures = 0;
            loop {
                select! {
                    biased;
                    () = &mut stop => break,
                    Some(ended) = tasks.join_next(), if !tasks.is_empty() => report(ended),
                    (place, next) = next_with(&room, &mut subscription) => {
                        match next {
                            Ok(delivery) => {
                                failures = 0;
                                let (shared, service) = (shared.clone(), service.clone());
                                tasks.spawn(deliver::deliver(shared, service, delivery, place));
                            }
                            Err(error) => {
                                failures += 1;
                                if !again(error, failures, stop.as_mut()).await {
                                    break;
                                }
                            }
                        }
                    }
                }
            }
            // Still subscribed: what is in hand is to be acknowledged over this connection.
            let rest = async {
                while let Some(ended) = tasks.join_next().await {
                    report(ended);
                }
            };
            if timeout(shared.config.drain, rest).await.is_err() {
                observe::cut_off(&shared.name, tasks.len());
                tasks.shutdown().await;
            }
        }
    }
}

/// The next delivery, once there is room to handle it. Dropped, nothing is lost.
async fn next_with(
    room: &Arc<Semaphore>,
    subscription: &mut Subscription,
) -> (Option<OwnedSemaphorePermit>, Result<Delivery, BusError>) {
    // Nobody closes it.
    let place = Arc::clone(room).acquire_owned().await.ok();
    (place, subscription.next().await)
}

/// Joins the group, as soon as the bus is there; `None` if told to stop before.
async fn subscribed(
    shared: &Shared,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Option<Subscription> {
    let mut failures = 0;
    loop {
        let joined = select! {
            biased;
            () = &mut stop => return None,
            joined = shared.bus.subscribe(&shared.name, &shared.types) => joined,
        };
        match joined {
            Ok(subscription) => return Some(subscription),
            Err(error) => {
                failures += 1;
                if !again(error, failures, stop.as_mut()).await {
                    return None;
                }
            }
        }
    }
}

/// Waits before the bus is asked again; false if told to stop.
async fn again(error: BusError, failures: u32, stop: Pin<&mut impl Future<Output = ()>>) -> bool {
    observe::failed("consumer", &error.into());
    let wait: Duration = Backoff::default().random_delay(failures);
    select! {
        biased;
        () = stop => false,
        () = sleep(wait) => true,
    }
}

fn report(ended: Result<Result<Outcome, ConsumerError>, JoinError>) {
    let error: BoxError = match ended {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.into(),
        Err(error) => error.into(),
    };
    observe::failed("consumer", &error);
}

impl<S> fmt::Debug for Consumer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("name", &self.shared.name)
            .field("types", &self.shared.types)
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

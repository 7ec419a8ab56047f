use std::{any::Any, pin::Pin, time::Duration};

use serde_json::json;
use tokio::time::timeout;
use tower_keep_durable::{
    Bus, Event,
    bus::{BusError, Delivery, Subscription, Types, partition_of},
};

/// What a backend cannot do, or does in its own way. The default can do all.
#[derive(Debug, Clone)]
pub(crate) struct Features {
    /// How many partitions the bus of the rig has.
    pub(crate) partitions: u32,
    /// How long a delivery is left to a handler that says nothing. Short, where time is real.
    pub(crate) lease: Duration,
    /// How long a row waits for what must come before it fails.
    pub(crate) patience: Duration,
    /// An ack that comes too late is told so with `TakenOver`; else it does no harm.
    pub(crate) fenced: bool,
    /// Deliveries are counted: the second is attempt 2.
    pub(crate) counts: bool,
    /// Two members that both have room get different partitions at once.
    pub(crate) shares: bool,
    /// An event goes to a member that asks for it. Else it may have waited with one that left, which
    /// counts as an attempt.
    pub(crate) asked: bool,
    /// A delivery stays where it is when another member joins; else the group may move it.
    pub(crate) steady: bool,
    /// This many bytes of data are more than the bus takes.
    pub(crate) too_large: usize,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            partitions: 16,
            lease: Duration::from_secs(1),
            patience: Duration::from_secs(30),
            fenced: true,
            counts: true,
            shares: true,
            asked: true,
            steady: true,
            too_large: 32 << 20,
        }
    }
}

type Opened = Pin<Box<dyn Future<Output = Bus> + Send>>;

/// A fresh bus, and a way to open it again as another process would.
pub(crate) struct Rig {
    pub(crate) bus: Bus,
    pub(crate) features: Features,
    another: Box<dyn Fn() -> Opened + Send + Sync>,
    _kept: Option<Box<dyn Any + Send + Sync>>,
}

impl Rig {
    pub(crate) fn new<F>(
        bus: Bus,
        features: Features,
        another: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Bus> + Send + 'static,
    {
        Self {
            bus,
            features,
            another: Box::new(move || Box::pin(another())),
            _kept: None,
        }
    }

    /// With something that must live as long as the bus, such as its folder.
    #[allow(dead_code, reason = "for the backends that have such a thing")]
    pub(crate) fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self._kept = Some(Box::new(kept));
        self
    }

    /// The same bus, as another process has it.
    pub(crate) async fn another(&self) -> Bus {
        (self.another)().await
    }

    /// A member of `group` that gets everything.
    pub(crate) async fn member(&self, bus: &Bus, group: &str) -> Member {
        self.member_for(bus, group, Types::all()).await
    }

    pub(crate) async fn member_for(&self, bus: &Bus, group: &str, types: Types) -> Member {
        let joined = self
            .persist("subscribe", || bus.subscribe(group, &types))
            .await;
        Member {
            subscription: joined,
            patience: self.features.patience,
        }
    }

    /// Publishes until the bus says yes.
    pub(crate) async fn publish(&self, bus: &Bus, events: &[Event]) {
        self.persist("publish", || bus.publish(events)).await;
    }

    async fn persist<T, F>(&self, what: &str, mut attempt: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<T, BusError>>,
    {
        let trying = async {
            loop {
                match attempt().await {
                    Ok(done) => return done,
                    Err(BusError::Unavailable(_)) => tokio::task::yield_now().await,
                    Err(other) => panic!("{what}: {other}"),
                }
            }
        };
        timeout(self.features.patience, trying)
            .await
            .unwrap_or_else(|_| panic!("cannot {what} in time"))
    }

    /// `count` keys of different partitions.
    pub(crate) fn keys(&self, count: usize) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let of = |key: &String| partition_of(&event(key, 0), self.features.partitions);
        let keys = (0..10_000).map(|n| format!("key-{n}"));
        let keys: Vec<_> = keys
            .filter(|key| seen.insert(of(key)))
            .take(count)
            .collect();
        assert_eq!(keys.len(), count, "too few partitions");
        keys
    }
}

/// A member of a group that expects to be served.
pub(crate) struct Member {
    subscription: Subscription,
    patience: Duration,
}

impl Member {
    /// What comes next, which must be soon; failures of the bus are borne.
    pub(crate) async fn next(&mut self) -> Delivery {
        let patience = self.patience;
        timeout(patience, self.wait())
            .await
            .expect("nothing was delivered, although something waits")
    }

    /// What comes next, however long that takes.
    pub(crate) async fn wait(&mut self) -> Delivery {
        loop {
            match self.subscription.next().await {
                Ok(delivery) => return delivery,
                Err(BusError::Unavailable(_)) => tokio::task::yield_now().await,
                Err(other) => panic!("next: {other}"),
            }
        }
    }

    /// The first delivery of this event; what else comes is done with on the way.
    pub(crate) async fn find(&mut self, wanted: &Event) -> Delivery {
        loop {
            let delivery = self.next().await;
            if delivery.event().id() == wanted.id() {
                return delivery;
            }
            let _ = delivery.ack().await;
        }
    }

    /// Takes and acknowledges until each of `ids` was seen: their order, the first time of each.
    pub(crate) async fn until_seen(&mut self, ids: impl IntoIterator<Item = String>) -> Vec<Event> {
        let mut missing: std::collections::HashSet<_> = ids.into_iter().collect();
        let mut seen = Vec::new();
        while !missing.is_empty() {
            let delivery = self.next().await;
            if missing.remove(delivery.event().id()) {
                seen.push(delivery.event().clone());
            }
            // An ack that fails means that it comes again.
            let _ = delivery.ack().await;
        }
        seen
    }
}

/// The event number `n` of a key.
pub(crate) fn event(key: &str, n: usize) -> Event {
    Event::new("/suite", "suite.number.told.v1", json!({ "n": n })).keyed(key)
}

/// Their ids.
pub(crate) fn ids<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<String> {
    events
        .into_iter()
        .map(|event| event.id().to_owned())
        .collect()
}

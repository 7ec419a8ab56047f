//! Tells the merchant what became of its authorizations: CloudEvents as JSON, POSTed in order, at
//! least once.
//!
//! A webhook is written in the transaction of its change and sent by the relay of the outbox, whose
//! bus is here the merchant's URL. It is signed when it is sent, each time anew. As networks do, it now and then sends one twice, when told to.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Uri, header::CONTENT_TYPE};
use serde_json::Value;
use shop_kit::{
    client::{CallError, ServiceClient},
    stack::{Dependency, Places, Reads},
    webhook::WebhookSecret,
};
use tokio::{sync::watch, task::JoinHandle};
use tower_keep_durable::{
    Bus, Event, Outbox,
    bus::{Backend, Boxed, BusError, Source, Types},
    outbox::RelayConfig,
};

use crate::Config;

const CLOUD_EVENT: HeaderValue = HeaderValue::from_static("application/cloudevents+json");

/// Steers the webhooks. Clones steer the same.
#[derive(Debug, Clone)]
pub struct Webhooks {
    to: watch::Sender<Option<Uri>>,
    secret: WebhookSecret,
    twice: Arc<Mutex<Option<Twice>>>,
    sent: Arc<AtomicU64>,
    repeated: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Twice {
    rate: f64,
    random: fastrand::Rng,
}

/// The longest wait for the merchant to take one.
const TIMEOUT: Duration = Duration::from_secs(2);
/// So many at most between two marks of what was sent: all of them fit into the relay's confirm time.
const BATCH: u32 = 4;

impl Webhooks {
    pub(crate) fn new(config: &Config) -> Self {
        let secret = config.webhook_secret.clone();
        Self {
            to: watch::Sender::new(config.webhooks.clone()),
            // Nobody takes what is signed with one that nobody knows.
            secret: secret.unwrap_or_else(WebhookSecret::random),
            twice: Arc::default(),
            sent: Arc::default(),
            repeated: Arc::default(),
        }
    }

    /// Sends them to this URL from now on, also those that wait.
    pub fn send_to(&self, url: Uri) {
        self.to.send_replace(Some(url));
    }

    /// Sends some twice from now on: this part of them, 0.0 to 1.0, chosen by the seed.
    pub fn send_twice(&self, rate: f64, seed: u64) {
        let random = fastrand::Rng::with_seed(seed);
        *self.twice.lock().unwrap_or_else(PoisonError::into_inner) = Some(Twice { rate, random });
    }

    /// How many were sent, and how many of these a second time on purpose.
    #[must_use]
    pub fn sent(&self) -> (u64, u64) {
        // Relaxed: each counts for itself.
        let [sent, repeated] = [&self.sent, &self.repeated];
        (
            sent.load(Ordering::Relaxed),
            repeated.load(Ordering::Relaxed),
        )
    }

    fn is_sent_twice(&self) -> bool {
        let mut twice = self.twice.lock().unwrap_or_else(PoisonError::into_inner);
        twice
            .as_mut()
            .is_some_and(|twice| twice.random.f64() < twice.rate)
    }
}

/// Sends what waits in the outbox, until it is dropped. What was not marked as sent by then is sent
/// again by the next.
#[derive(Debug)]
pub struct Sender(JoinHandle<()>);

impl Sender {
    pub(crate) fn start(outbox: Outbox, webhooks: &Webhooks) -> Self {
        Self(tokio::spawn(send(outbox, webhooks.clone())))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn send(outbox: Outbox, webhooks: Webhooks) {
    let mut url = webhooks.to.subscribe();
    loop {
        let to = url.borrow_and_update().clone();
        let changed = async {
            // The sending end is in `webhooks`, so it is never closed.
            let _ = url.changed().await;
        };
        let Some(to) = to else {
            changed.await;
            continue;
        };
        let dependency = Dependency {
            name: "merchant",
            timeout: TIMEOUT,
            places: Places::Known,
            reads: Reads::Exact,
        };
        let merchant = match ServiceClient::new(to, &dependency) {
            Ok(client) => Merchant {
                client,
                webhooks: webhooks.clone(),
            },
            Err(error) => {
                tracing::error!(%error, "webhooks cannot be sent");
                changed.await;
                continue;
            }
        };
        let config = RelayConfig {
            batch: BATCH,
            ..RelayConfig::default()
        };
        outbox.relay(Bus::new(merchant), config).run(changed).await;
    }
}

/// A bus that ends at the merchant.
#[derive(Debug)]
struct Merchant {
    client: ServiceClient,
    webhooks: Webhooks,
}

impl Merchant {
    async fn deliver(&self, event: &Event) -> Result<(), BusError> {
        let body = event.to_json();
        let signed = self.webhooks.secret.sign(event.id(), &body);
        let mut headers = signed.map_err(BusError::unavailable)?;
        headers.insert(CONTENT_TYPE, CLOUD_EVENT);
        let sent = self.client.post_as("", event.id(), headers, body.into());
        let sent: Result<Value, _> = sent.await;
        match sent {
            Ok(_) => Ok(()),
            Err(CallError::Rejected(problem)) => Err(BusError::Refused {
                id: event.id().to_owned(),
                reason: problem.detail.clone(),
            }),
            Err(error) => Err(BusError::unavailable(error)),
        }
    }
}

impl Backend for Merchant {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(async move {
            for event in events {
                self.deliver(event).await?;
                self.webhooks.sent.fetch_add(1, Ordering::Relaxed);
                if self.webhooks.is_sent_twice() {
                    self.deliver(event).await?;
                    self.webhooks.repeated.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok(())
        })
    }

    fn subscribe<'a>(
        &'a self,
        _: &'a str,
        _: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async {
            Err(BusError::Misconfigured(
                "webhooks are sent and not received here".to_owned(),
            ))
        })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { Ok(()) })
    }
}

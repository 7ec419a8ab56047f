//! The customers: they order, click twice, change their minds, and tell what they saw.

use std::{
    collections::BTreeSet,
    fmt,
    ops::RangeBounds,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{load::Intent, screen::Screen, web::Web};

/// What customers saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) confirmed: usize,
    pub(crate) pending: usize,
    pub(crate) refused: usize,
    /// Repeats that got the same answer again.
    pub(crate) same_again: usize,
    pub(crate) cancellations: usize,
    pub(crate) hung_up: usize,
    /// Orders that were turned away since there was too much to do; they have failed, too.
    pub(crate) shed: usize,
    /// Errors and answers that should not be.
    pub(crate) failed: Vec<String>,
    /// When each order was sent, and how long its answer took.
    pub(crate) waits: Vec<(Instant, Duration)>,
    /// Kinds of events that were told already: only the first of each is.
    told: BTreeSet<String>,
}

impl Seen {
    /// The longest wait for the answer to an order that was sent in this time.
    pub(crate) fn slowest(&self, sent: impl RangeBounds<Instant>) -> Option<Duration> {
        let within = self.waits.iter().filter(|(at, _)| sent.contains(at));
        within.map(|(_, wait)| *wait).max()
    }

    /// How many orders were sent in this time.
    pub(crate) fn sent(&self, within: impl RangeBounds<Instant>) -> usize {
        let sent = self.waits.iter().filter(|(at, _)| within.contains(at));
        sent.count()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            confirmed,
            pending,
            refused,
            ..
        } = self;
        write!(
            f,
            "{confirmed} confirmed, {pending} accepted as pending, {refused} refused"
        )?;
        if self.failed.is_empty() {
            Ok(())
        } else {
            write!(f, ", {} failed", self.failed.len())
        }
    }
}

/// All customers together. Clones share what they saw.
#[derive(Debug, Clone)]
pub(crate) struct Customers {
    web: Web,
    screen: Screen,
    seen: Arc<Mutex<Seen>>,
}

impl Customers {
    pub(crate) fn new(web: Web, screen: Screen) -> Self {
        Self {
            web,
            screen,
            seen: Arc::default(),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends everything at its time, however slow the answers are, and waits for all answers.
    pub(crate) async fn act(&self, plan: Vec<Intent>) {
        let start = Instant::now();
        let mut acting = JoinSet::new();
        for intent in plan {
            sleep_until(start + intent.at).await;
            let customers = self.clone();
            acting.spawn(async move { customers.order(intent).await });
        }
        acting.join_all().await;
    }

    async fn order(&self, intent: Intent) {
        let key = uuid::Uuid::now_v7().to_string();
        let web = self.web.by(intent.customer);
        if intent.hangs_up {
            // What is dropped takes its connection along.
            let _ = timeout(HANGS_UP_AFTER, web.post("/orders", &key, &intent.order)).await;
            let line = || format!("{} ordered and hung up", intent.customer);
            self.note(|seen| seen.hung_up += 1, "hung up", line);
            return self.screen.answered(&self.seen());
        }
        let sent = Instant::now();
        let reply = web.post("/orders", &key, &intent.order).await;
        self.lock().waits.push((sent, sent.elapsed()));
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return self.failed(format!("{}: {error}", intent.customer)),
        };
        let id = reply.body["id"].as_str().unwrap_or_default().to_owned();
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        match reply.status.as_u16() {
            201 => self.note(
                |seen| seen.confirmed += 1,
                "201",
                || {
                    format!(
                        "{} ordered: 201, confirmed, {} paid",
                        intent.customer,
                        money(&reply.body["total"])
                    )
                },
            ),
            202 => self.note(
                |seen| seen.pending += 1,
                "202",
                || {
                    format!(
                        "{} ordered: 202, accepted; the payment will be taken later",
                        intent.customer
                    )
                },
            ),
            402 | 409 => {
                let words = detail.trim_start_matches(|c: char| c.is_ascii_digit());
                let kind = words
                    .split(|c: char| c.is_ascii_digit())
                    .next()
                    .unwrap_or_default();
                self.note(
                    |seen| seen.refused += 1,
                    kind,
                    || {
                        format!(
                            "{} ordered: {}, refused: {detail}",
                            intent.customer,
                            reply.status.as_u16()
                        )
                    },
                );
            }
            status => {
                if reply.body["layer"] == "load_shed" {
                    self.lock().shed += 1;
                }
                self.failed(format!("{}: status {status}: {detail}", intent.customer));
            }
        }
        self.screen.answered(&self.seen());
        if intent.repeats {
            match web.post("/orders", &key, &intent.order).await {
                Ok(again)
                    if again.replayed
                        && again.status == reply.status
                        && again.body == reply.body =>
                {
                    self.note(
                        |seen| seen.same_again += 1,
                        "again",
                        || {
                            format!(
                                "{} clicked twice: the same answer, the same order",
                                intent.customer
                            )
                        },
                    );
                }
                other => self.failed(format!("{}: a repeat got {other:?}", intent.customer)),
            }
        }
        if let Some(delay) = intent.cancels_after
            && matches!(reply.status.as_u16(), 201 | 202)
        {
            sleep(delay).await;
            self.cancel(&id, intent.customer).await;
        }
    }

    async fn cancel(&self, id: &str, customer: &str) {
        match self
            .web
            .by(customer)
            .post(&format!("/orders/{id}/cancel"), id, &json!({}))
            .await
        {
            Ok(reply) if reply.status.is_success() => {
                let status = reply.status.as_u16();
                self.note(
                    |seen| seen.cancellations += 1,
                    &format!("cancel {status}"),
                    || {
                        let when = if status == 200 {
                            "money and stock are back"
                        } else {
                            "the money comes back later"
                        };
                        format!("{customer} cancelled: {status}, {when}")
                    },
                );
            }
            // It was pending and has been rejected in the meantime.
            Ok(reply) if reply.status.as_u16() == 409 => {}
            other => self.failed(format!("{customer}: a cancellation got {other:?}")),
        }
    }

    fn note(&self, count: impl FnOnce(&mut Seen), kind: &str, line: impl FnOnce() -> String) {
        let first = {
            let mut seen = self.lock();
            count(&mut seen);
            seen.told.insert(kind.to_owned())
        };
        if first {
            self.screen.line(format!("  customer {}", line()));
        }
    }

    fn failed(&self, line: String) {
        self.screen.line(format!("  customer FAILED {line}"));
        self.lock().failed.push(line);
    }
}

/// Long enough for an order to get here, too short for its answer.
const HANGS_UP_AFTER: Duration = Duration::from_millis(10);

/// How often the plain screen tells the counts.
const TELL_EVERY: Duration = Duration::from_secs(3);

/// Tells how things stand, for a screen without a bar; never ends.
pub(crate) async fn tell_counts(customers: &Customers) -> std::convert::Infallible {
    loop {
        sleep(TELL_EVERY).await;
        customers.screen.instead_of_bar(&customers.seen());
    }
}

fn money(value: &Value) -> String {
    let minor = value["minor"].as_i64().unwrap_or_default();
    format!(
        "{}.{:02} {}",
        minor / 100,
        minor % 100,
        value["currency"].as_str().unwrap_or_default()
    )
}

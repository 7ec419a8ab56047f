//! Those who look at the products: all the while, in a crowd, and one who does so for a living.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::StatusCode;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::web::Web;

/// Pages that somebody asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages {
    pub(crate) fresh: usize,
    /// What there was before, marked with its age.
    pub(crate) older: usize,
    /// Turned away since there was too much to do.
    pub(crate) shed: usize,
    /// Turned away since the same visitor had had enough.
    pub(crate) limited: usize,
    /// Neither a page nor one of these.
    pub(crate) failed: Vec<String>,
}

/// Visitors of one kind. Clones share what they saw.
#[derive(Debug, Clone)]
pub(crate) struct Visitors {
    web: Web,
    /// How many there are; their names differ.
    count: u32,
    /// How many pages a second they ask for together.
    rate: u32,
    pages: Arc<Mutex<Pages>>,
}

impl Visitors {
    pub(crate) fn new(web: Web, count: u32, rate: u32) -> Self {
        Self {
            web,
            count,
            rate,
            pages: Arc::default(),
        }
    }

    pub(crate) fn seen(&self) -> Pages {
        let pages = self.pages.lock();
        pages.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for pages at an even pace, however slow the answers are, and waits for all of them.
    pub(crate) async fn look_around(&self, time: Duration) {
        let start = Instant::now();
        let mut looking = JoinSet::new();
        let mut number = 0;
        while start.elapsed() < time {
            let name = format!("visitor_{}_of_{}", number % self.count, self.count);
            let visitor = Self {
                web: self.web.by(&name),
                ..self.clone()
            };
            looking.spawn(async move { visitor.look().await });
            number += 1;
            sleep_until(start + Duration::from_secs(1) * number / self.rate).await;
        }
        looking.join_all().await;
    }

    async fn look(&self) {
        let reply = self.web.get("/products").await;
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        match reply {
            Ok(reply) if reply.status == StatusCode::OK && reply.body.is_array() => {
                *(if reply.is_old {
                    &mut pages.older
                } else {
                    &mut pages.fresh
                }) += 1;
            }
            Ok(reply) if reply.body["layer"] == "load_shed" => pages.shed += 1,
            Ok(reply) if reply.body["layer"] == "rate_limit" => pages.limited += 1,
            Ok(reply) => pages
                .failed
                .push(format!("{}: {}", reply.status, reply.body)),
            Err(error) => pages.failed.push(error),
        }
    }
}

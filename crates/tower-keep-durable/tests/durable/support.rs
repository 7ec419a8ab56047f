//! What several tests here use: a bus that records, and futures that are cut off.

use std::{
    collections::HashSet,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use serde_json::json;
use tokio::sync::Semaphore;
use tower_keep_durable::{
    Db, Event,
    bus::{Backend, Boxed, BusError, Source, Types},
};

/// An event of a key, named by its id.
pub(crate) fn event(id: &str, key: &str) -> Event {
    let event = Event::new("/test", "test.happened.v1", json!({"id": id})).with_id(id);
    if key.is_empty() {
        event
    } else {
        event.keyed(key)
    }
}

/// A bus that only takes, and remembers what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Recorded>);

#[derive(Debug)]
struct Recorded {
    ids: Mutex<Vec<String>>,
    refused: Mutex<HashSet<String>>,
    down: AtomicBool,
    /// Each publish takes one before it confirms.
    confirms: Semaphore,
}

impl Default for Recorded {
    fn default() -> Self {
        Self {
            ids: Mutex::default(),
            refused: Mutex::default(),
            down: AtomicBool::new(false),
            confirms: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }
}

impl Recorder {
    /// All ids, in the order in which they came.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.ids.lock().unwrap().clone()
    }

    /// The ids without repeats, in the order in which they first came.
    pub(crate) fn first_ids(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut ids = self.ids();
        ids.retain(|id| seen.insert(id.clone()));
        ids
    }

    pub(crate) fn refuse(&self, id: &str) {
        self.0.refused.lock().unwrap().insert(id.to_owned());
    }

    pub(crate) fn accept_all(&self) {
        self.0.refused.lock().unwrap().clear();
    }

    pub(crate) fn down(&self, down: bool) {
        self.0.down.store(down, SeqCst);
    }

    /// From now on a publish stores, and then waits for [`confirm`](Self::confirm).
    pub(crate) fn hold_confirms(&self) {
        self.0.confirms.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn confirm(&self, publishes: usize) {
        self.0.confirms.add_permits(publishes);
    }
}

impl Backend for Recorder {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(async move {
            if self.0.down.load(SeqCst) {
                return Err(BusError::unavailable("it is down"));
            }
            for event in events {
                // An await for each: a relay may be cut off in the middle of a batch.
                tokio::task::yield_now().await;
                if self.0.refused.lock().unwrap().contains(event.id()) {
                    return Err(BusError::Refused {
                        id: event.id().to_owned(),
                        reason: "too large".to_owned(),
                    });
                }
                self.0.ids.lock().unwrap().push(event.id().to_owned());
            }
            self.0.confirms.acquire().await.unwrap().forget();
            Ok(())
        })
    }

    fn subscribe<'a>(
        &'a self,
        _: &'a str,
        _: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async { Err(BusError::Misconfigured("only takes".to_owned())) })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Polls `future` at most `polls` times and drops it then: it is cut off at one of its awaits, as by
/// a kill. `None` if it was cut off.
pub(crate) async fn cut<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    struct Cut<F>(Pin<Box<F>>, usize);
    impl<F: Future> Future for Cut<F> {
        type Output = Option<F::Output>;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            if let Some(left) = self.1.checked_sub(1) {
                self.1 = left;
                match self.0.as_mut().poll(cx) {
                    Poll::Ready(output) => return Poll::Ready(Some(output)),
                    Poll::Pending if left > 0 => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
            Poll::Ready(None)
        }
    }
    Cut(Box::pin(future), polls).await
}

/// Ends all leases: whoever held one was killed a while ago.
pub(crate) async fn end_leases(db: &Db) {
    sqlx::query("UPDATE keep_leases SET leased_until = 0")
        .execute(db.pool())
        .await
        .unwrap();
}

/// Runs each `async fn(db: Db)` of a test file on both databases, opened with its `SCHEMAS`.
macro_rules! on_both {
    ($($test:ident $(,)?)*) => {
        mod on_sqlite {
            use tower_keep_durable::testing::TestDb;
            $(#[tokio::test]
            async fn $test() {
                let file = TestDb::sqlite(&super::SCHEMAS).await;
                super::$test(file.db.clone()).await;
            })*
        }
        mod on_postgres {
            use tower_keep_durable::testing::on_postgres;
            $(#[tokio::test]
            async fn $test() {
                on_postgres(&super::SCHEMAS, super::$test).await;
            })*
        }
    };
}

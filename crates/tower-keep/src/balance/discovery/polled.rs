use std::{
    collections::BTreeSet,
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tower::discover::Change;

use super::diff;
use crate::{
    BoxError,
    backoff::{Backoff, Jitter},
};

/// Endpoints that an async closure finds, asked again and again.
///
/// ```
/// use std::{net::SocketAddr, time::Duration};
/// use tower_keep::balance::discovery::Polled;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Polled::new(Duration::from_secs(10), || async {
///     let found: Vec<SocketAddr> = vec!["10.0.0.1:80".parse()?];
///     Ok(found)
/// });
/// # let _ = registry;
/// # }
/// ```
pub struct Polled<K> {
    changes: mpsc::Receiver<Found<K>>,
    task: JoinHandle<()>,
}

type Found<K> = Result<Change<K, K>, DiscoveryError>;

/// Why endpoints could not be found. Those that were known before are kept.
#[derive(Debug, thiserror::Error)]
#[error("endpoints could not be found: {0}")]
pub struct DiscoveryError(#[source] BoxError);

impl<K> Polled<K>
where
    K: Ord + Clone + Send + Sync + 'static,
{
    /// Asks `find` now and `every` so often.
    ///
    /// An answer that takes longer than `every`, but at least 10 s, is an error; so is one of nothing
    /// at all, which is mostly an accident, and so is a panic: `find` is asked again later.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new<F, L, I>(every: Duration, find: F) -> Self
    where
        F: FnMut() -> L + Send + 'static,
        L: Future<Output = Result<I, BoxError>> + Send + 'static,
        I: IntoIterator<Item = K> + Send + 'static,
    {
        let (sender, changes) = mpsc::channel(1);
        let task = tokio::spawn(follow(every.max(SHORTEST), find, sender));
        Self { changes, task }
    }
}

async fn follow<K, F, L, I>(every: Duration, mut find: F, sender: mpsc::Sender<Found<K>>)
where
    K: Ord + Clone,
    F: FnMut() -> L,
    L: Future<Output = Result<I, BoxError>>,
    I: IntoIterator<Item = K>,
{
    let sooner = Backoff {
        base: Duration::from_millis(500).min(every),
        factor: 2.0,
        max: every,
        jitter: Jitter::Equal,
    };
    let mut known = BTreeSet::new();
    let mut failures = 0;
    loop {
        let found = match timeout(every.max(LONGEST), ask(&mut find)).await {
            Ok(found) => found.map(|found| found.into_iter().collect::<BTreeSet<_>>()),
            Err(_) => Err("no answer in time".into()),
        };
        let found = match found {
            Ok(found) if found.is_empty() => Err("there are none".into()),
            other => other,
        };
        match found {
            Ok(found) => {
                failures = 0;
                for change in diff::changes(&known, &found) {
                    if sender.send(Ok(change)).await.is_err() {
                        return;
                    }
                }
                known = found;
            }
            Err(error) => {
                failures += 1;
                let told = failures > 1 || sender.send(Err(DiscoveryError(error))).await.is_ok();
                if !told {
                    return;
                }
            }
        }
        let wait = match failures {
            0 => every.mul_f64(0.9 + 0.2 * fastrand::f64()),
            failures => sooner.random_delay(failures),
        };
        sleep(wait).await;
    }
}

/// Asks once. A panic is one answer that is missing, and not the end of all of them.
async fn ask<L, I>(find: &mut impl FnMut() -> L) -> Result<I, BoxError>
where
    L: Future<Output = Result<I, BoxError>>,
{
    let panicked = |_| BoxError::from("the closure that finds them panicked");
    let mut answer = catch_unwind(AssertUnwindSafe(|| Box::pin(find()))).map_err(panicked)?;
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx)))
            .unwrap_or_else(|panic| Poll::Ready(Err(panicked(panic))))
    })
    .await
}

/// What a mistyped interval must not turn into.
const SHORTEST: Duration = Duration::from_millis(10);
/// How long an answer may take where the interval is shorter.
const LONGEST: Duration = Duration::from_secs(10);

impl<K> Stream for Polled<K> {
    type Item = Found<K>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.changes.poll_recv(cx)
    }
}

impl<K> Drop for Polled<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<K> fmt::Debug for Polled<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled").finish_non_exhaustive()
    }
}

//! Services that are called: so many workers, a queue, and what goes wrong with them.

mod body;
mod door;
mod fault;
mod work;

use std::{ops::Range, time::Duration};

pub use self::fault::Fault;
use self::fault::Faults;
use super::{Client, Latency, World};

/// A service that is called: what it can do, and what goes wrong with it.
///
/// It works on as many calls at once as it has workers, in order of arrival, and on all that it has
/// read, whether or not somebody still waits for the answer: that is how a queue outlives its cause.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub(super) name: String,
    workers: usize,
    work: Latency,
    queue: Option<usize>,
    faults: Faults,
    drops_abandoned: bool,
    frames: usize,
    counted: bool,
    next: Option<Client>,
}

impl Upstream {
    /// So many workers, each of which works so long on a call. The queue has no end.
    #[must_use]
    pub fn new(name: impl Into<String>, workers: usize, work: Latency) -> Self {
        Self {
            name: name.into(),
            workers,
            work,
            queue: None,
            faults: Faults::default(),
            drops_abandoned: false,
            frames: 0,
            counted: true,
            next: None,
        }
    }

    /// At most so many calls wait; the next is answered 503.
    #[must_use]
    pub fn queue(mut self, most: usize) -> Self {
        self.queue = Some(most);
        self
    }

    /// What is wrong with it in this time, counted from the beginning of the simulation. Faults may
    /// overlap.
    #[must_use]
    pub fn during(mut self, when: Range<Duration>, fault: Fault) -> Self {
        self.faults.plan.push((when, fault));
        self
    }

    /// In the beginning and after each outage it works at this share of its speed, and comes to all of
    /// it in this time: caches are cold, connections not made.
    #[must_use]
    pub fn cold_start(mut self, warm_after: Duration, speed: f64) -> Self {
        self.faults.cold = Some((warm_after, speed));
        self
    }

    /// Work that nobody waits for any more is not begun.
    #[must_use]
    pub fn drops_abandoned(mut self) -> Self {
        self.drops_abandoned = true;
        self
    }

    /// An answer's body has so many frames of a kilobyte, and its worker is busy until the last of
    /// them is read or the body is dropped: a cursor, a file, a thread that writes.
    #[must_use]
    pub fn streams(mut self, frames: usize) -> Self {
        self.frames = frames;
        self
    }

    /// Each call makes one of its own, by this client, with a worker busy meanwhile; an answer that is
    /// not good becomes a 502. When the caller goes, so does the call. Its own work comes first.
    #[must_use]
    pub fn calls(mut self, next: Client) -> Self {
        self.next = Some(next);
        self
    }

    /// What it gets is not counted for the amplification: one in the middle of a chain.
    #[must_use]
    pub fn uncounted(mut self) -> Self {
        self.counted = false;
        self
    }

    /// Calls a second that it can do when it is well.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        self.workers as f64 / self.work.mean().as_secs_f64()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A way to call it, with nothing around it.
    #[must_use]
    pub fn open(&self, world: &World) -> Client {
        self.behind(world, |server| server)
    }

    /// A way to call it, with layers of the server around its work: what goes wrong on the way stays
    /// outside of them.
    pub fn behind<S, B>(&self, world: &World, layers: impl FnOnce(Client) -> S) -> Client
    where
        S: tower_service::Service<super::Request, Response = http::Response<B>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Error: Into<super::BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = bytes::Bytes, Error: Into<super::BoxError>> + Send + 'static,
    {
        let work = work::service(self, world);
        door::service(self, world, layers(work))
    }
}

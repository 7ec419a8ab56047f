use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use http::{Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{Fault, Upstream, body::held};
use crate::{
    common::lock,
    sim::{BoxError, Client, Random, Request, World},
};

/// The workers of an upstream.
struct Workers {
    upstream: Upstream,
    free: Arc<Semaphore>,
    waiting: Mutex<usize>,
    random: Mutex<Random>,
    world: World,
}

/// What an upstream does with a call that has come to it.
pub(super) fn service(upstream: &Upstream, world: &World) -> Client {
    let workers = Arc::new(Workers {
        upstream: upstream.clone(),
        free: Arc::new(Semaphore::new(upstream.workers)),
        waiting: Mutex::default(),
        random: Mutex::new(world.random(&upstream.name)),
        world: world.clone(),
    });
    BoxCloneSyncService::new(service_fn(move |request: Request| {
        let workers = workers.clone();
        async move { workers.answer(request).await }
    }))
}

impl Workers {
    async fn answer(self: Arc<Self>, request: Request) -> Result<Response<Body>, BoxError> {
        let now = self.world.elapsed();
        let share = self.upstream.faults.at(now).find_map(|fault| match fault {
            Fault::Fails(share) => Some(share),
            _ => None,
        });
        if share.is_some_and(|share| lock(&self.random).chance(share)) {
            return Ok(status(StatusCode::INTERNAL_SERVER_ERROR));
        }
        match self.clone().queue() {
            Some(queued) => self.in_turn(request, queued).await,
            None => Ok(status(StatusCode::SERVICE_UNAVAILABLE)),
        }
    }

    /// A place in the queue, if there is one.
    fn queue(self: Arc<Self>) -> Option<Queued> {
        let mut waiting = lock(&self.waiting);
        let full = self.upstream.queue.is_some_and(|most| *waiting >= most);
        if full && self.free.available_permits() == 0 {
            return None;
        }
        *waiting += 1;
        drop(waiting);
        Some(Queued(self))
    }

    async fn in_turn(
        self: Arc<Self>,
        request: Request,
        queued: Queued,
    ) -> Result<Response<Body>, BoxError> {
        if self.upstream.next.is_some() || self.upstream.frames > 0 {
            let worker = self.worker(queued).await;
            self.work().await;
            return match self.upstream.next.clone() {
                Some(next) => Ok(pass_on(next.oneshot(request).await)),
                None => Ok(Response::new(held(self.upstream.frames, worker))),
            };
        }
        let (done, answer) = oneshot::channel();
        // A task of its own, so that it goes on when nobody waits any more.
        tokio::spawn(async move {
            let _worker = self.worker(queued).await;
            if self.upstream.drops_abandoned && done.is_closed() {
                return;
            }
            let work = self.work().await;
            self.world.tally().worked(work, done.is_closed());
            let _ = done.send(());
        });
        answer.await?;
        Ok(Response::new(Body::empty()))
    }

    async fn worker(&self, queued: Queued) -> OwnedSemaphorePermit {
        let worker = self.free.clone().acquire_owned().await;
        drop(queued);
        worker.expect("it is never closed")
    }

    /// How much it was, at full speed.
    async fn work(&self) -> Duration {
        let start = self.world.elapsed();
        let work = {
            let mut random = lock(&self.random);
            let work = self.upstream.work.draw(&mut random);
            // Timers know whole milliseconds; up or down by chance, so that the mean stays.
            Duration::from_millis((work.as_secs_f64() * 1000.0 + random.unit()) as u64)
        };
        let done = self.upstream.faults.done(start, work);
        self.world.sleep_until(done).await;
        work
    }
}

/// A place in the queue.
struct Queued(Arc<Workers>);

impl Drop for Queued {
    fn drop(&mut self) {
        *lock(&self.0.waiting) -= 1;
    }
}

/// What a plain handler makes of the answer to its own call.
fn pass_on(answer: Result<Response<Body>, BoxError>) -> Response<Body> {
    match answer {
        Ok(answer) if answer.status().is_success() => answer,
        _ => status(StatusCode::BAD_GATEWAY),
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

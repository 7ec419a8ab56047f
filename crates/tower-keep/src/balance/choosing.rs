use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::{Flight, future::Chosen, pick::Member, pool::Pool};
use crate::{
    common::{clock, notify::OwnedNotified, tried},
    context,
};

/// The way of a call to a service that is ready.
///
/// Mostly the first that is picked is. If not, others are asked, each once, and the call waits for
/// the first of them, for an endpoint that comes or returns, or for the end of its time. An endpoint
/// that is out is not asked at all.
pub(super) struct Choosing<S, E> {
    pool: Arc<Pool<S>>,
    /// Apart, so that a call that finds one at once is small.
    wait: Option<Pin<Box<Wait<S, E>>>>,
}

#[pin_project(project = WaitProjected)]
struct Wait<S, E> {
    #[pin]
    changed: OwnedNotified,
    #[pin]
    timer: Sleep,
    /// When it has lasted long enough.
    end: Instant,
    /// Services that were asked and are not ready: they wake us.
    unready: Vec<(Arc<Member<S>>, S)>,
    /// Endpoints whose services failed.
    failed: Vec<u64>,
    last: Option<(E, Flight)>,
}

/// A service that was asked whether it is ready, and what it said.
type Asked<S, E> = (Arc<Member<S>>, S, Poll<Result<(), E>>);

impl<S, E> Choosing<S, E> {
    #[inline]
    pub(super) fn new(pool: Arc<Pool<S>>) -> Self {
        Self { pool, wait: None }
    }

    /// `judge` is told of a service's failure, and gives it back.
    #[inline]
    pub(super) fn poll<Req>(
        &mut self,
        cx: &mut Context<'_>,
        judge: impl Fn(&mut Flight, E) -> E,
    ) -> Poll<Chosen<S, E>>
    where
        S: Service<Req, Error = E> + Clone,
    {
        if self.wait.is_none() {
            let now = clock::now();
            let avoided = tried::avoided();
            let was_tried = |id| avoided.contains(id);
            let Some(member) = self.pool.pick(now, |_| false, |one| was_tried(one.id)) else {
                return self.poll_wait(cx, judge, None);
            };
            let mut service = member.service.clone();
            match service.poll_ready(cx) {
                Poll::Ready(Ok(())) => {
                    let flight = Flight::begin(&member.endpoint, now);
                    return Poll::Ready(Chosen::Service(service, flight));
                }
                polled => return self.poll_wait(cx, judge, Some((member, service, polled))),
            }
        }
        self.poll_wait(cx, judge, None)
    }

    #[cold]
    #[inline(never)]
    fn poll_wait<Req>(
        &mut self,
        cx: &mut Context<'_>,
        judge: impl Fn(&mut Flight, E) -> E,
        first: Option<Asked<S, E>>,
    ) -> Poll<Chosen<S, E>>
    where
        S: Service<Req, Error = E> + Clone,
    {
        let pool = &self.pool;
        let wait = self.wait.get_or_insert_with(|| Box::pin(Wait::new(pool)));
        let mut wait = wait.as_mut().project();
        if let Some((member, service, polled)) = first {
            wait.settle(&member, service, polled, &judge);
        }
        loop {
            // Registered before we look, so that nothing happens unseen in between.
            if wait.changed.as_mut().poll(cx).is_ready() {
                let changed = pool.core.changed.clone().notified_owned();
                wait.changed.set(changed);
                continue;
            }
            if let Some(chosen) = wait.look(pool, cx, &judge) {
                return Poll::Ready(chosen);
            }
            // The first to return may come before the end.
            let until = pool
                .core
                .next_return()
                .map_or(*wait.end, |at| at.min(*wait.end));
            if wait.timer.deadline() != until {
                wait.timer.as_mut().reset(until);
            }
            if wait.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = clock::now();
            if now >= *wait.end {
                return Poll::Ready(Chosen::Refused(pool.core.refuse(now)));
            }
        }
    }
}

impl<S, E> Wait<S, E> {
    fn new(pool: &Pool<S>) -> Self {
        let end = clock::now() + pool.core.config().max_wait;
        // Nobody waits for an answer after the deadline.
        let end = context::deadline().map_or(end, |deadline| end.min(deadline.instant()));
        Self {
            changed: pool.core.changed.clone().notified_owned(),
            timer: sleep_until(end),
            end,
            unready: Vec::new(),
            failed: Vec::new(),
            last: None,
        }
    }
}

impl<S, E> WaitProjected<'_, S, E> {
    /// Asks every service that may be called whether it is ready, until one is.
    fn look<Req>(
        &mut self,
        pool: &Pool<S>,
        cx: &mut Context<'_>,
        judge: &impl Fn(&mut Flight, E) -> E,
    ) -> Option<Chosen<S, E>>
    where
        S: Service<Req, Error = E> + Clone,
    {
        let now = clock::now();
        pool.core.advance(now);
        let panicking = pool.core.is_panicking();
        for (member, mut service) in std::mem::take(self.unready) {
            if member.endpoint.is_removed() || !member.endpoint.is_in(panicking) {
                continue;
            }
            let polled = service.poll_ready(cx);
            if let Some(chosen) = self.settle(&member, service, polled, judge) {
                return Some(chosen);
            }
        }
        let avoided = tried::avoided();
        loop {
            let asked = |id| self.unready.iter().any(|(one, _)| one.endpoint.id == id);
            let skip = |id| self.failed.contains(&id) || asked(id);
            let picked = pool.pick(now, |one| skip(one.id), |one| avoided.contains(one.id));
            let Some(member) = picked else { break };
            let mut service = member.service.clone();
            let polled = service.poll_ready(cx);
            if let Some(chosen) = self.settle(&member, service, polled, judge) {
                return Some(chosen);
            }
        }
        // There is nothing to wait for if all there is has failed.
        if self.unready.is_empty() {
            let (error, flight) = self.last.take()?;
            return Some(Chosen::Failed(error, flight));
        }
        None
    }

    /// Takes notice of how ready a service is.
    fn settle(
        &mut self,
        member: &Arc<Member<S>>,
        service: S,
        polled: Poll<Result<(), E>>,
        judge: &impl Fn(&mut Flight, E) -> E,
    ) -> Option<Chosen<S, E>> {
        match polled {
            Poll::Ready(Ok(())) => {
                let flight = Flight::begin(&member.endpoint, clock::now());
                return Some(Chosen::Service(service, flight));
            }
            Poll::Ready(Err(error)) => {
                let mut flight = Flight::begin(&member.endpoint, clock::now());
                let error = judge(&mut flight, error);
                self.failed.push(member.endpoint.id);
                *self.last = Some((error, flight));
            }
            Poll::Pending => self.unready.push((member.clone(), service)),
        }
        None
    }
}

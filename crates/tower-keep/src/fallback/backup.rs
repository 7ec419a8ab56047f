//! Another service to ask.

use std::{
    future::{Pending, pending},
    task::{Context, Poll},
};

use tower_service::Service;

use crate::{
    protocol::Wire,
    replay::{Replay, Skip},
};

/// Who is asked in place of a service that failed: a service with the same answers, or nobody.
pub trait Backup<Req, Res, Err>: Clone {
    /// The future of a call.
    type Future: Future<Output = Result<Res, Err>>;

    /// Whether it takes a call.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Err>>;

    /// Asks it.
    fn call(&mut self, request: Req) -> Self::Future;
}

/// Nobody else to ask.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoBackup;

impl<Req, Res, Err> Backup<Req, Res, Err> for NoBackup {
    type Future = Pending<Result<Res, Err>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Err>> {
        unreachable!("no rule asks a service that there is not")
    }

    fn call(&mut self, _: Req) -> Self::Future {
        pending()
    }
}

/// A service to ask. Of [`FallbackLayer::when_service`](super::FallbackLayer::when_service).
#[derive(Clone, Copy, Debug)]
pub struct With<S>(pub(super) S);

impl<S, Req> Backup<Req, S::Response, S::Error> for With<S>
where
    S: Service<Req> + Clone,
{
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> S::Future {
        self.0.call(request)
    }
}

/// Requests as they are, sent once.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Once;

impl<Req> Replay<Req> for Once {
    type Request = Req;
    type Saved = std::convert::Infallible;

    fn once(&self, request: Req) -> Req {
        request
    }

    fn first(&self, _: Req, _: usize) -> (Req, Self::Saved) {
        unreachable!("nothing is kept for nobody")
    }

    fn again(&self, saved: &Self::Saved, _: u32, _: Wire) -> Req {
        match *saved {}
    }

    fn is_idempotent(saved: &Self::Saved) -> bool {
        match *saved {}
    }

    fn rewind(saved: &Self::Saved, _: bool) -> Result<(), Skip> {
        match *saved {}
    }
}

//! tower's own layers, and tower-http's.

use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

use tower::{
    retry::{
        Policy, Retry,
        backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff},
        budget::{Budget, TpsBudget},
    },
    util::rng::HasherRng,
};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_layer::Stack;

/// Two more attempts, without a budget.
#[derive(Clone, Copy, Debug)]
pub struct Attempts(u32);

impl<Req: Clone, Res, E> Policy<Req, Res, E> for Attempts {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, E>) -> Option<Ready<()>> {
        let again = result.is_err() && self.0 > 0;
        again.then(|| {
            self.0 -= 1;
            ready(())
        })
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// The policy of tower's own documentation: a budget and growing waits.
#[derive(Clone, Debug)]
pub struct WithBudget {
    left: u32,
    budget: Arc<TpsBudget>,
    backoff: ExponentialBackoff,
}

impl<Req: Clone, Res, E> Policy<Req, Res, E> for WithBudget {
    type Future = <ExponentialBackoff as Backoff>::Future;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, E>) -> Option<Self::Future> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        if self.left == 0 || !self.budget.withdraw() {
            return None;
        }
        self.left -= 1;
        Some(self.backoff.next_backoff())
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// Two more attempts, without a budget.
pub fn retry<S>(inner: S) -> Retry<Attempts, S> {
    Retry::new(Attempts(2), inner)
}

/// Two more attempts, with a budget.
pub fn retry_budget<S>(inner: S) -> Retry<WithBudget, S> {
    let (least, most) = (Duration::from_millis(1), Duration::from_millis(2));
    let mut waits = ExponentialBackoffMaker::new(least, most, 0.0, HasherRng::default())
        .expect("least is less than most");
    let policy = WithBudget {
        left: 2,
        budget: Arc::default(),
        backoff: waits.make_backoff(),
    };
    Retry::new(policy, inner)
}

/// May always ask a second time.
#[derive(Clone, Copy, Debug)]
pub struct Always;

impl<Req: Clone> tower::hedge::Policy<Req> for Always {
    fn clone_request(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }

    fn can_retry(&self, _: &Req) -> bool {
        true
    }
}

/// How long tower's hedge collects what is usual before it goes by that.
pub const HEDGE_PERIOD: Duration = Duration::from_millis(100);

/// tower-http's two layers around an id: one makes it, the other gives it back.
///
/// It asks the system for each id. Nobody in this build may turn on `fast-rng` of the `uuid` crate, which
/// would change that for tower-http too.
#[must_use]
pub fn request_id() -> Stack<PropagateRequestIdLayer, SetRequestIdLayer<MakeRequestUuid>> {
    Stack::new(
        PropagateRequestIdLayer::x_request_id(),
        SetRequestIdLayer::x_request_id(MakeRequestUuid),
    )
}

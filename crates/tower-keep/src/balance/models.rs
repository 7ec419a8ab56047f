use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{BalanceConfig, Flight, choosing::Choosing, core::Core, future::Chosen, pool::Pool};
use crate::common::modelling::{join, model, spawn, timers, wait};

/// A service that is always ready.
#[derive(Clone)]
struct Answers;

impl Service<()> for Answers {
    type Response = ();
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

fn pool() -> Arc<Pool<Answers>> {
    Pool::new(Core::new(BalanceConfig::default()).expect("it is valid"))
}

/// The flight of a call, as soon as there is an endpoint for it.
fn choose(pool: &Arc<Pool<Answers>>) -> Flight {
    let mut choosing = Choosing::new(pool.clone());
    match wait(poll_fn(|cx| choosing.poll::<()>(cx, |_, error| error))) {
        Chosen::Service(_, flight) => flight,
        Chosen::Failed(..) | Chosen::Refused(_) => panic!("it waits for longer than a model runs"),
    }
}

#[test]
fn who_waits_is_woken_by_an_endpoint_that_comes() {
    let _timers = timers();
    model(|| {
        let pool = pool();
        let comes = spawn({
            let pool = pool.clone();
            move || drop(pool.insert("a".to_owned(), Answers, None))
        });
        drop(choose(&pool));
        join(comes);
    });
}

#[test]
fn who_waits_is_woken_by_an_endpoint_that_returns() {
    let _timers = timers();
    model(|| {
        let pool = pool();
        drop(pool.insert("a".to_owned(), Answers, None));
        assert!(pool.core.force_out("a"));
        let returns = spawn({
            let pool = pool.clone();
            move || assert!(pool.core.force_in("a"))
        });
        drop(choose(&pool));
        join(returns);
    });
}

/// Calls that end at once are all counted, and none is left as load.
#[test]
fn what_an_endpoint_did_is_counted_once() {
    let _timers = timers();
    model(|| {
        let pool = pool();
        let endpoint = pool.insert("a".to_owned(), Answers, None);
        let other = spawn({
            let endpoint = endpoint.clone();
            move || {
                endpoint.begin();
                endpoint.settle();
                u32::from(endpoint.failed() == 2)
            }
        });
        endpoint.begin();
        endpoint.settle();
        let second = u32::from(endpoint.failed() == 2) + join(other);
        assert_eq!((endpoint.pending(), second), (0, 1));
        let tally = endpoint.take_tally();
        assert_eq!((tally.good, tally.bad, endpoint.calls()), (0, 2, 2));
    });
}

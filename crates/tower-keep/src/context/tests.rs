//! Contexts and the tasks they belong to.

use std::sync::Arc;

use futures_util::future::{join, pending};

use super::*;
use crate::common::sync::Mutex;

fn context(id: &str) -> Context {
    Context::new(CorrelationId::parse(id).unwrap())
}

fn seen() -> Option<String> {
    correlation_id().map(String::from)
}

#[tokio::test]
async fn scopes_nest_and_restore_what_was_outside() {
    assert_eq!(seen(), None);
    context("outer")
        .scope(async {
            context("inner")
                .scope(async {
                    tokio::task::yield_now().await;
                    assert_eq!(seen().as_deref(), Some("inner"));
                })
                .await;
            assert_eq!(seen().as_deref(), Some("outer"));
        })
        .await;
    assert_eq!(seen(), None);
}

#[tokio::test]
async fn two_scopes_on_one_task_never_mix() {
    let work = |id: &'static str| {
        context(id).scope(async move {
            for _ in 0..100 {
                assert_eq!(seen().as_deref(), Some(id));
                tokio::task::yield_now().await;
            }
        })
    };
    join(work("one"), work("two")).await;
    tokio::select! {
        () = work("three") => {}
        () = context("four").scope(pending()) => unreachable!("it never answers"),
    }
    assert_eq!(seen(), None);
}

#[tokio::test(start_paused = true)]
async fn a_spawned_task_keeps_the_id_and_not_the_deadline() {
    let soon = Deadline::after(std::time::Duration::from_secs(1));
    let trace = TraceParent::new();
    let request = Context::traced(CorrelationId::parse("request").unwrap(), trace);
    let (carried, bare) = request
        .scope(soon.scope(async {
            let look = async { (seen(), trace_parent(), deadline()) };
            (spawn(look), tokio::spawn(async { seen() }))
        }))
        .await;
    assert_eq!(
        carried.await.unwrap(),
        (Some("request".to_owned()), Some(trace), None)
    );
    assert_eq!(bare.await.unwrap(), None);
}

#[tokio::test]
async fn a_carried_future_keeps_its_context_in_another_one() {
    let none = carry(async { seen() });
    let one = context("one").run(|| carry(async { seen() }));
    context("two")
        .scope(async {
            assert_eq!(none.await, None);
            assert_eq!(one.await.as_deref(), Some("one"));
        })
        .await;
}

#[tokio::test]
async fn a_future_is_dropped_in_its_context() {
    struct Look(Arc<Mutex<Option<String>>>);
    impl Drop for Look {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = seen();
        }
    }
    let seen_in_drop = Arc::new(Mutex::new(None));
    let look = Look(seen_in_drop.clone());
    let dropped = context("given-up").scope(async move {
        let _look = look;
        pending::<()>().await;
    });
    drop(dropped);
    assert_eq!(seen_in_drop.lock().unwrap().as_deref(), Some("given-up"));
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let _ = std::panic::catch_unwind(|| context("doomed").run(|| panic!("in the handler")));
    assert_eq!(seen(), None);
}

#[test]
fn a_fresh_context_has_one_id_for_log_and_trace() {
    let fresh = Context::fresh();
    let trace = fresh.trace_parent().unwrap();
    let dashless = fresh.correlation_id().as_str().replace('-', "");
    assert_eq!(format!("{:032x}", trace.trace_id()), dashless);
}

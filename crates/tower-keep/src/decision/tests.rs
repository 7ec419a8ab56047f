use std::time::Duration;

use super::{Decision, DecisionConfig, Fact};
use crate::observe::{Emitter, EventKind, in_attempt};

#[test]
fn a_record_without_room_is_refused() {
    for max_entries in [0, 4097] {
        let config = DecisionConfig {
            max_entries,
            ..DecisionConfig::default()
        };
        let error = config.check().unwrap_err().to_string();
        assert!(error.starts_with("decision: `max_entries`"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_record_counts_what_it_leaves_out() {
    let decision = Decision::with_capacity(2);
    let emitter = Emitter::new("retry");
    let after = Duration::ZERO;
    decision
        .scope(async {
            for attempt in 2..7 {
                emitter.emit(EventKind::AttemptScheduled { attempt, after });
            }
        })
        .await;
    assert_eq!((decision.entries().len(), decision.omitted()), (2, 3));
    assert_eq!(decision.attempts(), 6, "counted all the same");
    emitter.emit(EventKind::CallDetached);
    assert_eq!(decision.omitted(), 3, "outside of the scope");
}

#[tokio::test(start_paused = true)]
async fn attempts_that_run_at_once_are_told_apart_and_bodies_belong_to_theirs() {
    let decision = Decision::new();
    let breaker = Emitter::new("circuit_breaker");
    let state = |state| Some(Fact::State { state });
    decision
        .scope(async {
            in_attempt(1, || breaker.note(|| state("closed")));
            in_attempt(2, || {
                breaker.note(|| state("half_open"));
                // A call that the second attempt makes counts from 1 again.
                in_attempt(1, || Emitter::new("bulkhead").emit(EventKind::CallReleased));
            });
            in_attempt(1, || breaker.emit(EventKind::CallReleased));
            breaker.emit(EventKind::CallReleased);
        })
        .await;
    let attempts: Vec<_> = decision
        .entries()
        .iter()
        .map(|entry| entry.attempt.unwrap_or(0))
        .collect();
    assert_eq!(attempts, [1, 2, 1, 1, 1]);
    assert_eq!(decision.breaker_state(), Some("half_open"));
    assert!(!decision.is_remarkable());
}

#[tokio::test(start_paused = true)]
async fn an_inner_record_tells_the_outer_one() {
    let outer = Decision::new();
    let emitter = Emitter::new("bulkhead");
    let inner = outer
        .scope(async {
            let inner = Decision::new();
            inner
                .scope(async { emitter.emit(EventKind::CallReleased) })
                .await;
            emitter.emit(EventKind::CallReleased);
            inner
        })
        .await;
    assert_eq!((inner.entries().len(), outer.entries().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_a_name_contains_cannot_end_the_header() {
    let decision = Decision::new();
    let name = crate::common::name::Name::new("a\"b\\c\r\n\u{e9}");
    let rejection = crate::rejection::Rejection::new(
        crate::rejection::Kind::CircuitOpen,
        "circuit_breaker",
        name,
    );
    decision.rejected(&rejection);
    let value = decision.to_server_timing();
    assert_eq!(
        value,
        "total;dur=0, rejected;desc=\"circuit_breaker `a'b?c???`: the circuit is open\""
    );
}

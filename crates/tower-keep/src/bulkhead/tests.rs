use super::state::{Arrival, Counts, Rule};
use crate::config::Enforce;

const fn counts(running: u32, waiting: u32) -> Counts {
    Counts { running, waiting }
}

#[test]
fn a_word_holds_both_counts() {
    for counts in [counts(0, 0), counts(1, u32::MAX), counts(u32::MAX, 7)] {
        assert_eq!(Counts::unpack(counts.pack()), counts);
    }
}

#[test]
fn a_call_runs_waits_or_is_refused() {
    // (running, waiting), limit, max_queue, what happens
    let table = [
        (counts(0, 0), 1, 0, Arrival::Run(counts(1, 0))),
        (counts(1, 0), 1, 0, Arrival::Refuse),
        (counts(1, 0), 1, 1, Arrival::Wait(counts(1, 1))),
        (counts(1, 1), 1, 1, Arrival::Refuse),
        // A place that is about to be handed over is not free for the one who comes last.
        (counts(0, 1), 1, 2, Arrival::Wait(counts(0, 2))),
        (counts(0, 0), 0, 0, Arrival::Refuse),
        // The limit was lowered.
        (counts(5, 0), 2, 1, Arrival::Wait(counts(5, 1))),
    ];
    for (before, limit, max_queue, expected) in table {
        assert_eq!(
            before.arrive(limit, max_queue),
            expected,
            "{before:?} of {limit}"
        );
    }
}

#[test]
fn a_place_goes_to_the_next_only_under_the_limit() {
    assert_eq!(counts(1, 0).leave(), Some(counts(0, 0)));
    assert_eq!(counts(1, 1).leave(), None, "somebody waits");
    assert_eq!(counts(0, 2).promote(1), Some(counts(1, 1)));
    assert_eq!(counts(1, 2).promote(1), None);
    assert_eq!(counts(0, 0).promote(1), None);
}

#[test]
fn a_word_holds_the_rule() {
    for limit in [0, 1, u32::MAX] {
        for enforce in [0, 50, 100].map(Enforce::percent) {
            let rule = Rule::from_word(Rule::new(true, enforce, limit).to_word());
            assert_eq!((rule.limit(), rule.enforce()), (limit, enforce));
            assert!(rule.is_enabled());
            let off = Rule::new(false, enforce, limit);
            assert_eq!((off.limit(), off.enforce()), (u32::MAX, enforce));
            assert!(!off.is_enabled());
        }
    }
}

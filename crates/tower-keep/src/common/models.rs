//! What the helpers promise, and what they are needed for.

use std::sync::Arc;

use super::{
    atomic::{AcqRel, AtomicBool, Ordering, write_then_look},
    modelling::{join, model, spawn},
};

type Pair = Arc<[AtomicBool; 2]>;

/// Two threads that each write one word and look at the other; what they saw.
fn both(look: impl Fn(&AtomicBool, &AtomicBool) -> bool + Copy + 'static) -> [bool; 2] {
    let words = Pair::default();
    let other = words.clone();
    let other = spawn(move || look(&other[1], &other[0]));
    let one = look(&words[0], &words[1]);
    [one, join(other)]
}

#[test]
fn one_of_two_sees_the_other() {
    model(|| {
        let saw = both(|mine, theirs| {
            let write = |order| mine.swap(true, order);
            write_then_look(write, |order| theirs.load(order)).1
        });
        assert!(saw[0] || saw[1]);
    });
}

/// Why there is a helper: without it they can miss each other.
#[test]
#[should_panic(expected = "they missed each other")]
fn acquire_and_release_are_not_enough() {
    model(|| {
        let saw = both(|mine, theirs| {
            mine.swap(true, AcqRel);
            theirs.load(Ordering::Acquire)
        });
        assert!(saw[0] || saw[1], "they missed each other");
    });
}

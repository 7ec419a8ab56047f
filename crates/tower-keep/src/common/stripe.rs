//! State that many threads write, kept once for each of them.
//!
//! A word that two threads write goes slower with the second one, not faster, and so does the count
//! of an `Arc` that both of them clone. So what every call writes is kept in several [`Stripe`]s, each
//! in cache lines and with a count of references of its own; a thread keeps to one of them.

use std::{
    cell::Cell,
    sync::{Arc, LazyLock},
    thread::available_parallelism,
};

use super::statics::{AtomicUsize, Relaxed};
use super::{
    atomic::{Acquire, fence},
    local::thread_local,
};

/// More would cost memory and readers, who look at all of them, more than it would spare writers.
const MOST: usize = 16;

/// As many stripes as there are cores, up to sixteen; a power of two, so that all come as often.
static COUNT: LazyLock<usize> = LazyLock::new(|| {
    if cfg!(all(test, keep_loom)) {
        return 2; // two of a model's threads share one, and two do not
    }
    let cores = available_parallelism().map_or(1, Into::into);
    cores.next_power_of_two().min(MOST)
});

/// The state of the threads that share a stripe. Two lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Stripe<T>(pub(crate) T);

/// A `T` for each of the stripes.
#[derive(Debug)]
pub(crate) struct Stripes<T> {
    /// Each of them as often as there is room for, so that a thread finds its own without knowing their
    /// number.
    places: Box<[Arc<Stripe<T>>; MOST]>,
    count: usize,
}

impl<T> Stripes<T> {
    pub(crate) fn new(make: impl FnMut(usize) -> T) -> Self {
        Self::of(*COUNT, make)
    }

    /// One for all threads: for what there are many of, each with little to do.
    pub(crate) fn single(make: impl FnMut(usize) -> T) -> Self {
        Self::of(1, make)
    }

    /// So many, which sixteen can be divided by.
    pub(crate) fn of(count: usize, make: impl FnMut(usize) -> T) -> Self {
        let stripes: Vec<_> = (0..count).map(make).map(Stripe).map(Arc::new).collect();
        Self {
            places: Box::new(std::array::from_fn(|place| stripes[place % count].clone())),
            count,
        }
    }

    /// For each of these another, whatever their number.
    pub(crate) fn beside<U>(&self, mut make: impl FnMut(&Arc<Stripe<T>>) -> U) -> Stripes<U> {
        Stripes::of(self.count, |nth| make(&self.places[nth]))
    }

    /// Whether no call holds any of them. What such calls wrote before they let go can be read.
    pub(crate) fn are_free(&self) -> bool {
        let ours = MOST / self.count;
        let mut stripes = self.places[..self.count].iter();
        let free = stripes.all(|stripe| Arc::strong_count(stripe) == ours);
        // Pairs with the release of whoever let go.
        fence(Acquire);
        free
    }

    /// That of the thread that asks.
    #[inline]
    pub(crate) fn mine(&self) -> &Arc<Stripe<T>> {
        &self.places[thread() % MOST]
    }

    /// One of them, in turn, for whoever is used by a thread at a time.
    pub(crate) fn next(&self) -> &Arc<Stripe<T>> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        &self.places[NEXT.fetch_add(1, Relaxed) % MOST]
    }

    /// All of them, whoever writes them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places[..self.count].iter().map(|stripe| &stripe.0)
    }
}

/// A `T` for each of the stripes, or one for all, of something that lives long enough by itself.
#[derive(Debug)]
pub(crate) struct Row<T>(Box<[Stripe<T>]>);

impl<T: Default> Row<T> {
    /// One for each stripe.
    pub(crate) fn of_all() -> Self {
        Self((0..*COUNT).map(|_| Stripe::default()).collect())
    }

    /// One.
    pub(crate) fn of_one() -> Self {
        Self([Stripe::default()].into())
    }
}

impl<T> Row<T> {
    pub(crate) fn is_one(&self) -> bool {
        self.0.len() == 1
    }

    /// That of the thread that asks.
    #[inline]
    pub(crate) fn mine(&self) -> &T {
        &self.0[thread() & (self.0.len() - 1)].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }
}

/// A number for this thread, counted up from 0.
#[inline]
fn thread() -> usize {
    const UNKNOWN: usize = usize::MAX;
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    }
    #[cold]
    fn number() -> usize {
        let number = first_free() % UNKNOWN;
        NUMBER.set(number);
        number
    }
    match NUMBER.get() {
        UNKNOWN => number(),
        number => number,
    }
}

#[cfg(not(all(test, keep_loom)))]
fn first_free() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Relaxed)
}

/// loom's own, so that a model's thread has the same number in each run.
#[cfg(all(test, keep_loom))]
fn first_free() -> usize {
    let id = format!("{:?}", loom::thread::current().id());
    let digits = id.trim_matches(|letter: char| !letter.is_ascii_digit());
    digits.parse().expect("loom counts its threads")
}

#[cfg(test)]
mod tests {
    use std::thread::spawn;

    use super::*;

    #[test]
    fn a_thread_keeps_to_its_stripe() {
        let stripes = Stripes::new(|number| number);
        assert!(Arc::ptr_eq(stripes.mine(), stripes.mine()));
        assert!(stripes.iter().copied().eq(0..*COUNT));
        let other = spawn(thread).join().expect("does not panic");
        assert_ne!(thread(), other, "each thread has its own number");
    }
}

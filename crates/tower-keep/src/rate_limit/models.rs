use std::{sync::Arc, task::Waker, time::Duration};

use super::{
    LAYER, Limit, Rate, RateLimitConfig,
    admit::{Admission, NotYet, Receipt, Ticket},
    bucket::Bucket,
    shared::{Shared, now},
    state::Pace,
    wait::Wait,
};
use crate::{
    common::{
        atomic::{AtomicU64, Release},
        clock,
        modelling::{join, model, spawn, timers, wait},
    },
    observe::Emitter,
};

/// The one moment that all of a model is.
const NOW: u64 = 1 << 61;

/// A bucket with the word that lets the usual call in, as a layer has it.
#[derive(Default)]
struct Quick {
    bucket: Bucket,
    interval: AtomicU64,
}

impl Quick {
    fn new(pace: Pace, full_at: u64) -> Arc<Self> {
        let quick = Self::default();
        quick.repace(pace, |_| full_at);
        Arc::new(quick)
    }

    fn take(&self) -> bool {
        self.bucket.take_one(&self.interval, NOW)
    }

    fn repace(&self, pace: Pace, convert: impl FnOnce(u64) -> u64) {
        self.interval.store(0, Release);
        self.bucket.repace(pace, convert);
        self.interval.store(pace.interval, Release);
    }

    fn full_at(&self) -> u64 {
        self.bucket.load().0
    }
}

fn pace(interval: u64, permits: u64) -> Pace {
    Pace {
        interval,
        tolerance: interval * permits,
        step: 0,
        anchor: 0,
    }
}

#[test]
fn the_last_permit_has_one_taker() {
    model(|| {
        let quick = Quick::new(pace(1000, 2), NOW + 1000);
        let other = spawn({
            let quick = quick.clone();
            move || quick.take()
        });
        // The other way to a permit, of calls that something has to be looked at for.
        let one = quick.bucket.take(1, 1.0, NOW).is_ok();
        assert!(one != join(other));
        assert_eq!(quick.full_at(), NOW + 2000);
    });
}

#[test]
fn a_call_mixes_no_two_paces() {
    for [from, to] in [[1, 1000], [1000, 1]] {
        model(move || {
            let quick = Quick::new(pace(from, 1), NOW - 9);
            let call = spawn({
                let quick = quick.clone();
                move || quick.take()
            });
            quick.repace(
                pace(to, 1),
                |word| {
                    if word > NOW { NOW + to } else { NOW - 8 }
                },
            );
            let full_at = quick.full_at();
            if join(call) {
                assert!([NOW - 8, NOW + to].contains(&full_at));
                assert_eq!(
                    quick.full_at(),
                    NOW + to,
                    "a permit of the new pace is gone"
                );
            } else {
                assert_eq!(quick.full_at(), NOW - 8);
            }
        });
    }
}

#[test]
fn a_refusal_tells_the_time_of_one_pace() {
    // Each owes four and is asked for a fifth.
    let paces = [(pace(1, 3), 7, 5), (pace(1000, 5), 9000, 5000)];
    for [from, to] in [[paces[0], paces[1]], [paces[1], paces[0]]] {
        model(move || {
            let quick = Quick::new(from.0, NOW + from.1);
            let call = spawn({
                let quick = quick.clone();
                move || quick.bucket.one_in(&quick.interval, NOW)
            });
            quick.repace(to.0, |_| NOW + to.1);
            let told = join(call);
            let right = [None, Some(from.2), Some(to.2)];
            assert!(right.contains(&told), "{told:?}");
        });
    }
}

#[test]
fn what_is_given_back_is_not_lost_and_found_with_its_count() {
    model(|| {
        let quick = Quick::new(pace(10, 3), NOW + 20);
        let call = spawn({
            let quick = quick.clone();
            move || quick.take()
        });
        let look = spawn({
            let quick = quick.clone();
            move || (quick.bucket.given(), quick.full_at())
        });
        quick.bucket.lower(10);
        let taken = 10 * u64::from(join(call));
        assert_eq!(quick.full_at(), NOW + 10 + taken);
        let (given, full_at) = join(look);
        if given > 0 {
            assert!(full_at <= NOW + 10 + taken, "counted and not yet given");
        }
    });
}

const SECOND: u64 = 1_000_000_000;

/// A permit a second, and who finds none waits.
fn one_a_second() -> Arc<Shared> {
    let limit = Limit::calls(Rate::per_second(1));
    let config = RateLimitConfig::client(limit, Duration::from_secs(60));
    Shared::new(config, Emitter::new(LAYER))
}

fn started(admission: Admission) -> Receipt {
    let Admission::Start(receipt) = admission else {
        panic!("there was a permit");
    };
    receipt
}

fn waits(admission: Admission) -> Ticket {
    let Admission::Wait(ticket) = admission else {
        panic!("there was no permit");
    };
    ticket
}

/// In how many seconds it is a call's turn.
fn turn(shared: &Shared, ticket: &Ticket) -> u64 {
    match shared.turn(ticket, &std::task::Context::from_waker(Waker::noop())) {
        Ok(_) => 0,
        Err(NotYet::Until(moment)) => (clock::to_nanos(moment) - now()) / SECOND,
        Err(NotYet::TooLate(_)) => panic!("a minute is enough"),
    }
}

#[test]
fn of_two_calls_one_starts_and_one_waits_and_gives_back_what_it_booked() {
    let _timers = timers();
    model(|| {
        let shared = one_a_second();
        let arrive = |shared: &Shared| match shared.arrive(1) {
            Admission::Start(_) => true,
            Admission::Wait(ticket) => {
                assert_eq!(turn(shared, &ticket), 1);
                shared.leave(&ticket);
                false
            }
            Admission::Refused(_) => panic!("a minute is enough"),
        };
        let other = spawn({
            let shared = shared.clone();
            move || arrive(&shared)
        });
        let one = arrive(&shared);
        assert!(one != join(other));
        // As after a single call.
        let next = waits(shared.arrive(1));
        assert_eq!(turn(&shared, &next), 1);
    });
}

#[test]
fn two_who_wait_are_due_one_after_the_other() {
    let _timers = timers();
    model(|| {
        let shared = one_a_second();
        started(shared.arrive(1));
        let other = spawn({
            let shared = shared.clone();
            move || waits(shared.arrive(1))
        });
        let one = waits(shared.arrive(1));
        let other = join(other);
        let mut due = [turn(&shared, &one), turn(&shared, &other)];
        due.sort_unstable();
        assert_eq!(due, [1, 2]);
    });
}

#[test]
fn a_place_that_is_given_up_brings_the_next_forward() {
    let _timers = timers();
    model(|| {
        let shared = one_a_second();
        started(shared.arrive(1));
        let (first, second) = (waits(shared.arrive(1)), waits(shared.arrive(1)));
        let gone = spawn({
            let shared = shared.clone();
            move || shared.leave(&first)
        });
        // A call that comes at this moment is behind the second, wherever that stands.
        let third = waits(shared.arrive(1));
        join(gone);
        assert_eq!((turn(&shared, &second), turn(&shared, &third)), (1, 2));
    });
}

#[test]
fn who_waits_is_woken_by_a_permit_that_is_given_back() {
    let _timers = timers();
    model(|| {
        let shared = one_a_second();
        let receipt = started(shared.arrive(1));
        let waiting = Wait::new(shared.clone(), waits(shared.arrive(1)));
        let giving = spawn({
            let shared = shared.clone();
            move || shared.give_back(&receipt)
        });
        assert!(wait(waiting).is_ok());
        join(giving);
    });
}

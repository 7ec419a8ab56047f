//! What follows from an answer, and how long to wait for one: takes the numbers, asks nobody.

use std::{cmp::Reverse, time::Duration};

use super::Observed;
use crate::classify::{Class, Retry, Verdict};

/// What the end of an attempt means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is the answer.
    Wins,
    /// It is kept in case nothing better comes, and another attempt starts now.
    Again,
    /// It is kept in case nothing better comes.
    Kept,
    /// It is kept in case nothing better comes, and the service wants no more: it said when to come
    /// back, or that it has too much to do.
    Last,
}

/// What follows from the verdict on an attempt of an eligible call.
pub(super) fn next(verdict: &Verdict) -> Next {
    let good = verdict.class == Class::Success && verdict.retry == Retry::Never;
    match verdict.retry {
        _ if good => Next::Wins,
        // A refusal of a layer inside is not a reason to ask once more.
        _ if verdict.class == Class::Ignored => Next::Kept,
        _ if verdict.retry_after.is_some() => Next::Last,
        Retry::Always | Retry::IfIdempotent => Next::Again,
        Retry::Never if verdict.class == Class::Overload => Next::Last,
        Retry::Never => Next::Kept,
    }
}

/// How good an answer is that nobody wants; the best is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    class: u8,
    answered: bool,
    /// The first attempt's where all else is the same.
    attempt: Reverse<u32>,
}

impl Worth {
    pub(super) fn of(verdict: &Verdict, answered: bool, attempt: u32) -> Self {
        Self {
            class: match verdict.class {
                Class::Success => 3,
                Class::Overload => 2,
                Class::Failure => 1,
                // The service did not even see it.
                Class::Ignored => 0,
            },
            answered,
            attempt: Reverse(attempt),
        }
    }
}

/// How long to wait, of what is known.
pub(super) fn delay(observed: &Observed, samples: u64, quantile: Duration) -> Duration {
    if samples < u64::from(observed.min_samples) {
        observed.until_known
    } else {
        quantile.max(observed.floor)
    }
}

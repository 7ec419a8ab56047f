//! Everybody else's layers, each configured as its documentation would have it.

pub mod breakers;
pub mod governor;
pub mod resilience;
pub mod towers;

use std::time::Duration;

use tower::{limit::ConcurrencyLimit, load_shed::LoadShed, retry::Retry, timeout::Timeout};

use self::{
    breakers::{Reclosed, recloser},
    governor::Governed,
    towers::{WithBudget, retry_budget},
};

/// Longer than any run: what is open stays open.
pub const HOUR: Duration = Duration::from_secs(3600);

/// The numbers that all take.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    /// Calls at once.
    pub places: usize,
    /// Calls a period.
    pub rate: usize,
    /// The period of the rate.
    pub period: Duration,
    /// The time that a call has.
    pub timeout: Duration,
}

impl Agreed {
    /// What a loop of calls that are answered at once never reaches.
    pub const TIMED: Self = Self {
        places: 1000,
        rate: 1_000_000_000,
        period: Duration::from_secs(1),
        timeout: Duration::from_secs(30),
    };
}

/// The cheapest of each kind together: tower's timeout and retry, governor, recloser, tower's limit.
pub type Best<S> = Timeout<Governed<Retry<WithBudget, Reclosed<LoadShed<ConcurrencyLimit<S>>>>>>;

/// The five of the best.
pub fn best<S>(inner: S, agreed: Agreed) -> Best<S> {
    let full = LoadShed::new(ConcurrencyLimit::new(inner, agreed.places));
    let tried = retry_budget(recloser(full));
    let limited = if agreed.period < HOUR {
        governor::governor(tried, u32::try_from(agreed.rate).expect("a small rate"))
    } else {
        governor::governor_spent(tried, u32::try_from(agreed.rate).expect("a small rate"))
    };
    Timeout::new(limited, agreed.timeout)
}

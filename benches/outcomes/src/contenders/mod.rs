//! Who is compared, and how each is set up: real layers, with the same deadlines, attempts and limits
//! for everybody, and what each has beyond that by its own defaults where they are sound.

mod bare;
mod naive;
mod ours;
mod resilience;
mod tower_own;

use std::time::Duration;

use axum::body::Body;
use http::{Response, StatusCode};
use tower_keep_test::sim::{Client, Response as Answer};

pub use self::{bare::Bare, naive::Naive, ours::Ours, resilience::Resilience, tower_own::TowerOwn};

/// What a scenario wants to be protected, the same for everybody.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// A call's deadline.
    pub call: Duration,
    /// An attempt's deadline.
    pub attempt: Duration,
    /// How many calls a server can work on at once.
    pub workers: usize,
    /// How many calls a client may make at once.
    pub at_once: usize,
    /// How many retries a second a budget always allows; `None`: as many as
    /// suit a few busy clients.
    pub floor: Option<u32>,
    /// Whether a client makes so many calls that a second or two tell how the service is.
    pub busy: bool,
    /// Whether a client makes so few calls that a few failures in a row are all that it will know.
    pub few: bool,
    /// Whether some calls matter more than others.
    pub priorities: bool,
    /// Whether the service refuses by quota.
    pub quota: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(2),
            attempt: Duration::from_millis(500),
            workers: 10,
            at_once: 64,
            floor: None,
            busy: false,
            few: false,
            priorities: false,
            quota: false,
        }
    }
}

impl Setting {
    /// How many calls a server takes at once, where somebody has to say a number: half as many again as
    /// it can work on, so that none of its workers waits for work.
    #[must_use]
    pub fn places(&self) -> usize {
        self.workers * 3 / 2
    }
}

/// A way to protect clients and servers.
pub trait Contender: Sync {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// Its layers, outside in.
    fn layers(&self) -> &'static str;

    /// How many times as fast as real time its simulations run, if its layers read the clock of std.
    fn pace(&self) -> Option<f64> {
        None
    }

    /// One of a fleet of clients.
    fn client(&self, setting: &Setting, upstream: Client) -> Client;

    /// A server, around what it does.
    fn server(&self, setting: &Setting, work: Client) -> Client;

    /// A client of replicas.
    fn balanced(&self, setting: &Setting, replicas: Vec<Client>) -> Client;
}

/// Everybody, in the order of the table.
#[must_use]
pub fn all() -> [&'static dyn Contender; 5] {
    [&Bare, &Naive, &TowerOwn, &Resilience, &Ours]
}

/// How often a call is made at most.
const ATTEMPTS: u32 = 3;
/// The first wait before another attempt.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Whether an answer asks to be asked again.
fn is_bad(answer: &Answer) -> bool {
    answer.status().is_server_error() || answer.status() == StatusCode::TOO_MANY_REQUESTS
}

/// What a server answers that says no by an error.
fn unavailable() -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer
}

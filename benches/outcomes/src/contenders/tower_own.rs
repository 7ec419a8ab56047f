use std::{sync::Arc, time::Duration};

use tokio::time::Sleep;
use tower::{
    BoxError, ServiceBuilder, ServiceExt,
    balance::p2c::Balance,
    buffer::Buffer,
    discover::ServiceList,
    limit::ConcurrencyLimitLayer,
    load::{CompleteOnResponse, PeakEwma},
    load_shed::{LoadShedLayer, error::Overloaded},
    retry::{
        Policy, RetryLayer,
        backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff},
        budget::{Budget, TpsBudget},
    },
    timeout::TimeoutLayer,
    util::{BoxCloneSyncService, rng::Rng},
};
use tower_keep_test::sim::{Client, Request, Response};

use super::{ATTEMPTS, Contender, FIRST_WAIT, Setting, is_bad, unavailable};

/// What tower itself brings, with a policy that is written for it.
#[derive(Clone, Copy, Debug)]
pub struct TowerOwn;

impl Contender for TowerOwn {
    fn name(&self) -> &'static str {
        "tower"
    }

    fn layers(&self) -> &'static str {
        "client: Timeout, Retry (3 attempts, exponential backoff with jitter, TpsBudget of 20 % and 10/s), \
         LoadShed, ConcurrencyLimit (64), Timeout of an attempt; server: LoadShed, ConcurrencyLimit, Timeout; replicas: p2c Balance with PeakEwma in a Buffer, inside Retry"
    }

    fn client(&self, setting: &Setting, upstream: Client) -> Client {
        let attempt = ServiceBuilder::new()
            .layer(LoadShedLayer::new())
            .layer(ConcurrencyLimitLayer::new(setting.at_once))
            .layer(TimeoutLayer::new(setting.attempt))
            .service(upstream);
        retrying(setting, BoxCloneSyncService::new(attempt))
    }

    fn server(&self, setting: &Setting, work: Client) -> Client {
        let server = ServiceBuilder::new()
            .layer(TimeoutLayer::new(setting.call))
            .layer(LoadShedLayer::new())
            .layer(ConcurrencyLimitLayer::new(setting.places()))
            .service(work);
        // As axum's HandleErrorLayer does it.
        let answered = server.map_result(|answer: Result<Response, BoxError>| {
            Ok::<_, BoxError>(answer.unwrap_or_else(|_| unavailable()))
        });
        BoxCloneSyncService::new(answered)
    }

    fn balanced(&self, setting: &Setting, replicas: Vec<Client>) -> Client {
        let limits = replicas.into_iter().map(|replica| {
            let replica = ServiceBuilder::new()
                .layer(TimeoutLayer::new(setting.attempt))
                .service(replica);
            BoxCloneSyncService::new(replica)
        });
        retrying(setting, balanced(limits))
    }
}

/// Two by chance, and of these the one that answers faster.
pub(super) fn balanced(replicas: impl Iterator<Item = Client>) -> Client {
    let rtt = Duration::from_millis(50);
    let decay = Duration::from_secs(10).as_nanos() as f64;
    let measured =
        replicas.map(|one| PeakEwma::new(one, rtt, decay, CompleteOnResponse::default()));
    let list = ServiceList::new::<Request>(measured.collect::<Vec<_>>());
    let balance = Balance::<_, Request>::from_rng(list, Chance);
    BoxCloneSyncService::new(Buffer::new(balance, 1024))
}

fn retrying(setting: &Setting, attempt: Client) -> Client {
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(setting.call))
        .layer(RetryLayer::new(Retries::new(
            setting.floor.unwrap_or(FLOOR),
        )))
        .service(attempt);
    BoxCloneSyncService::new(service)
}

/// What its own default is.
const FLOOR: u32 = 10;

#[derive(Clone)]
struct Retries {
    budget: Arc<TpsBudget>,
    backoff: ExponentialBackoff<Chance>,
    left: u32,
}

impl Retries {
    fn new(floor: u32) -> Self {
        let most = Duration::from_secs(5);
        let mut backoff = ExponentialBackoffMaker::new(FIRST_WAIT, most, 0.5, Chance)
            .expect("a minimum below the maximum");
        Self {
            budget: Arc::new(TpsBudget::new(Duration::from_secs(10), floor, 0.2)),
            backoff: backoff.make_backoff(),
            left: ATTEMPTS - 1,
        }
    }
}

impl Policy<Request, Response, BoxError> for Retries {
    type Future = Sleep;

    fn retry(&mut self, _: &mut Request, result: &mut Result<Response, BoxError>) -> Option<Sleep> {
        match result {
            Ok(answer) if !is_bad(answer) => {
                self.budget.deposit();
                return None;
            }
            Err(error) if error.is::<Overloaded>() => return None,
            _ => {}
        }
        if self.left == 0 || !self.budget.withdraw() {
            return None;
        }
        self.left -= 1;
        Some(self.backoff.next_backoff())
    }

    fn clone_request(&mut self, request: &Request) -> Option<Request> {
        Some(request.clone())
    }
}

/// Seeded by the simulation, unlike tower's own.
#[derive(Clone, Copy, Debug)]
struct Chance;

impl Rng for Chance {
    fn next_u64(&mut self) -> u64 {
        fastrand::u64(..)
    }
}

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_keep_test::sim::Client;

use super::{Contender, Setting};

/// Nothing at all.
#[derive(Clone, Copy, Debug)]
pub struct Bare;

impl Contender for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn layers(&self) -> &'static str {
        "none; replicas in turn"
    }

    fn client(&self, _: &Setting, upstream: Client) -> Client {
        upstream
    }

    fn server(&self, _: &Setting, work: Client) -> Client {
        work
    }

    fn balanced(&self, _: &Setting, replicas: Vec<Client>) -> Client {
        in_turn(replicas)
    }
}

/// One after the other.
pub(super) fn in_turn(replicas: Vec<Client>) -> Client {
    let (replicas, next) = (
        Arc::<[Client]>::from(replicas),
        Arc::new(AtomicUsize::new(0)),
    );
    BoxCloneSyncService::new(service_fn(move |request| {
        let at = next.fetch_add(1, Relaxed) % replicas.len();
        replicas[at].clone().oneshot(request)
    }))
}

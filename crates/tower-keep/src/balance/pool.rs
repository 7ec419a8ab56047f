use std::{fmt, sync::Arc};

use tokio::task::AbortHandle;

use super::{
    core::Core,
    endpoint::Endpoint,
    pick::{Member, Sight},
};
use crate::common::{
    clock::{self, Instant},
    statics::{AtomicU64, Relaxed},
    swap::ArcSwap,
    sync::{self, Mutex},
};

/// The endpoints of a balancer with their services, in a list that calls read without a lock.
pub(super) struct Pool<S> {
    pub(super) core: Arc<Core>,
    members: ArcSwap<Vec<Arc<Member<S>>>>,
    /// Held by whoever changes the list.
    changing: Mutex<()>,
    /// The task that follows discovery; it ends with the pool.
    driver: Mutex<Option<AbortHandle>>,
}

impl<S> Pool<S> {
    pub(super) fn new(core: Arc<Core>) -> Arc<Self> {
        Arc::new(Self {
            core,
            members: ArcSwap::default(),
            changing: Mutex::new(()),
            driver: Mutex::new(None),
        })
    }

    pub(super) fn driven_by(&self, driver: AbortHandle) {
        *sync::lock(&self.driver) = Some(driver);
    }

    /// Takes an endpoint in, in the place of `old` if there is one: what is known of that is known
    /// of another service.
    pub(super) fn insert(&self, name: String, service: S, old: Option<&Endpoint>) -> Arc<Endpoint> {
        let now = self.core.millis(clock::now());
        // Any number that no other endpoint has.
        let id = NEXT_ID.fetch_add(1, Relaxed);
        let endpoint = Arc::new(Endpoint::new(self.core.clone(), id, name, now));
        let member = Arc::new(Member {
            endpoint: endpoint.clone(),
            service,
        });
        if let Some(old) = old {
            self.core.remove(old, "replaced");
        }
        // Known to the fleet before it can be called.
        self.core.add(&endpoint);
        self.change(|members| {
            members.retain(|one| old.is_none_or(|old| old.id != one.endpoint.id));
            members.push(member);
        });
        endpoint
    }

    /// Sends no more calls to an endpoint. Those that are under way go on.
    pub(super) fn remove(&self, endpoint: &Endpoint) {
        self.change(|members| members.retain(|one| one.endpoint.id != endpoint.id));
        self.core.remove(endpoint, "discovered to be gone");
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Member<S>>>)) {
        let old = {
            let _changing = sync::lock(&self.changing);
            let mut members = Vec::clone(&self.members.load());
            change(&mut members);
            self.members.swap(Arc::new(members))
        };
        // Services that are gone are dropped here, outside the lock.
        drop(old);
        self.core.changed.notify_waiters();
    }

    /// Chooses an endpoint for a call: one that no earlier attempt went to, if there is one.
    #[inline]
    pub(super) fn pick(
        &self,
        now: Instant,
        skip: impl Fn(&Endpoint) -> bool,
        was_tried: impl Fn(&Endpoint) -> bool,
    ) -> Option<Arc<Member<S>>> {
        self.core.advance(now);
        let config = self.core.config();
        let sight = Sight {
            config: &config,
            panicking: self.core.is_panicking(),
            now: self.core.millis(now),
        };
        let members = self.members.load();
        sight
            .pick(&members, |one| skip(one) || was_tried(one))
            .or_else(|| sight.pick(&members, skip))
            .cloned()
    }
}

/// The next endpoint's number, in all balancers.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl<S> Drop for Pool<S> {
    fn drop(&mut self) {
        if let Some(driver) = sync::lock(&self.driver).take() {
            driver.abort();
        }
        for member in self.members.load().iter() {
            member.endpoint.remove();
        }
    }
}

impl<S> fmt::Debug for Pool<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("core", &self.core)
            .field("endpoints", &self.members.load().len())
            .finish_non_exhaustive()
    }
}

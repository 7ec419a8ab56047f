use std::{borrow::Cow, fmt, sync::Arc};

use http::HeaderName;

use super::{
    Compared, LAYER, Side, StranglerConfig,
    compare::{self, Compare},
    route::{self, Share, Ticket},
};
use crate::{
    common::{
        answer::Answer,
        atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Relaxed},
        sync::{self, RwLock},
    },
    config::ConfigError,
    observe::{Emitter, EventKind},
    protocol::Head,
};

pub(super) type Rule = dyn Fn(&Head<'_>) -> Option<Side> + Send + Sync;
pub(super) type Key = dyn for<'a> Fn(&Head<'a>) -> Option<Cow<'a, str>> + Send + Sync;

/// What a layer, its clones, services and handles have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) live: Arc<Live>,
    pub(super) rule: Option<Arc<Rule>>,
    pub(super) header: Option<HeaderName>,
    pub(super) paths: Arc<[String]>,
    pub(super) key: Option<Arc<Key>>,
    pub(super) compare: Option<Arc<Compare>>,
}

/// What changes while calls run. The numbers are read one by one and guard no memory: relaxed.
pub(super) struct Live {
    pub(super) emitter: Emitter,
    /// Copies of what every call asks for, so that only calls in the shadow take the lock.
    pub(super) enabled: AtomicBool,
    pub(super) share: AtomicU16,
    pub(super) shadow_share: AtomicU16,
    config: RwLock<StranglerConfig>,
    shadows: AtomicUsize,
    old: AtomicU64,
    new: AtomicU64,
    matched: AtomicU64,
    differed: AtomicU64,
}

/// A place among the calls in the shadow.
#[derive(Debug)]
pub(super) struct Place(Arc<Live>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.shadows.fetch_sub(1, Relaxed);
    }
}

impl Shared {
    pub(super) fn new(config: StranglerConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let live = Live {
            emitter: Emitter::new(LAYER),
            enabled: AtomicBool::new(config.enabled),
            share: AtomicU16::new(Share::percent(config.percent).to_word()),
            shadow_share: AtomicU16::new(Share::percent(config.shadow_percent).to_word()),
            config: RwLock::new(config),
            shadows: AtomicUsize::new(0),
            old: AtomicU64::new(0),
            new: AtomicU64::new(0),
            matched: AtomicU64::new(0),
            differed: AtomicU64::new(0),
        };
        Ok(Self {
            live: Arc::new(live),
            rule: None,
            header: None,
            paths: Arc::new([]),
            key: None,
            compare: None,
        })
    }

    /// Where a call goes.
    pub(super) fn side(&self, head: &Head<'_>) -> Side {
        let side = if self.live.enabled.load(Relaxed) {
            self.ruled(head).unwrap_or_else(|| self.shared_out(head))
        } else {
            Side::Old
        };
        let count = match side {
            Side::Old => &self.live.old,
            Side::New => &self.live.new,
        };
        count.fetch_add(1, Relaxed);
        side
    }

    fn ruled(&self, head: &Head<'_>) -> Option<Side> {
        let by_rule = self.rule.as_ref().and_then(|rule| rule(head));
        let by_header = || route::in_header(head.headers, self.header.as_ref()?);
        let by_path = || route::is_below(head.uri.path(), &self.paths).then_some(Side::New);
        by_rule.or_else(by_header).or_else(by_path)
    }

    fn shared_out(&self, head: &Head<'_>) -> Side {
        let share = Share::from_word(self.live.share.load(Relaxed));
        let key = self.key.as_ref().and_then(|key| key(head));
        let ticket = key.map_or_else(Ticket::random, |key| Ticket::of(&key));
        if share.has(ticket) {
            Side::New
        } else {
            Side::Old
        }
    }

    /// A place for this call in the shadow, if it is to have one.
    pub(super) fn place(&self) -> Option<(Place, StranglerConfig)> {
        let share = Share::from_word(self.live.shadow_share.load(Relaxed));
        if !self.live.enabled.load(Relaxed) || !share.has(Ticket::random()) {
            return None;
        }
        let config = self.live.config();
        let one_more = |n| (n < config.max_shadows).then_some(n + 1);
        let taken = self.live.shadows.fetch_update(Relaxed, Relaxed, one_more);
        taken.is_ok().then(|| (Place(self.live.clone()), config))
    }

    /// Compares what the two sides have answered, and tells.
    pub(super) fn compare(&self, old: &Answer, new: &Answer) {
        let difference = match &self.compare {
            Some(compare) => compare(&Compared::of(old), &Compared::of(new)),
            None => compare::difference(&Compared::of(old), &Compared::of(new)),
        };
        self.compared(difference);
    }

    /// Tells of a comparison that was made, or that could not be.
    pub(super) fn compared(&self, difference: Option<String>) {
        let matched = difference.is_none();
        let count = if matched {
            &self.live.matched
        } else {
            &self.live.differed
        };
        count.fetch_add(1, Relaxed);
        self.live.emitter.emit(EventKind::ComparisonMade {
            matched,
            difference: difference.unwrap_or_default(),
        });
    }
}

impl Live {
    pub(super) fn config(&self) -> StranglerConfig {
        *sync::read(&self.config)
    }

    pub(super) fn configure(&self, config: StranglerConfig) {
        // Held until the copies are written: of two updates at once one is in force, and all of it.
        let mut current = sync::write(&self.config);
        self.share
            .store(Share::percent(config.percent).to_word(), Relaxed);
        self.shadow_share
            .store(Share::percent(config.shadow_percent).to_word(), Relaxed);
        self.enabled.store(config.enabled, Relaxed);
        *current = config;
    }

    pub(super) fn shadows(&self) -> usize {
        self.shadows.load(Relaxed)
    }

    pub(super) fn counts(&self) -> [u64; 4] {
        [&self.old, &self.new, &self.matched, &self.differed].map(|count| count.load(Relaxed))
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("config", &self.config())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.live.fmt(f)
    }
}

use std::fmt;

use http::HeaderName;

use super::{CorrelationIdConfig, LAYER, Trust};
use crate::{
    common::{
        atomic::{AtomicBool, AtomicU64, Relaxed},
        stripe::Row,
        sync::{self, Mutex},
    },
    config::{Check, ConfigError},
    observe::Emitter,
};

/// What the services of one layer share.
///
/// All atomics are relaxed: each is read on its own and orders nothing. A request that arrives during
/// an update may see some of it.
pub(super) struct Settings {
    pub(super) header: HeaderName,
    pub(super) also_accept: Box<[HeaderName]>,
    /// The configuration that can change.
    enabled: AtomicBool,
    trusting: AtomicBool,
    response_header: AtomicBool,
    trace: AtomicBool,
    priority: AtomicBool,
    /// Held by whoever changes it.
    changing: Mutex<()>,
    counts: Row<Counts>,
    pub(super) emitter: Emitter,
}

/// Statistics.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) accepted: AtomicU64,
    pub(super) replaced: AtomicU64,
    pub(super) created: AtomicU64,
}

impl Settings {
    pub(super) fn new(config: &CorrelationIdConfig) -> Result<Self, ConfigError> {
        let settings = Self {
            header: config.header()?,
            also_accept: config.also_accept()?,
            enabled: AtomicBool::new(true),
            trusting: AtomicBool::new(true),
            response_header: AtomicBool::new(true),
            trace: AtomicBool::new(true),
            priority: AtomicBool::new(true),
            changing: Mutex::new(()),
            counts: Row::of_all(),
            emitter: Emitter::new(LAYER),
        };
        settings.store(config);
        Ok(settings)
    }

    /// Changes what can change while requests run: all but the names of headers.
    pub(super) fn update(&self, config: &CorrelationIdConfig) -> Result<(), ConfigError> {
        let fixed = |same: bool, field: &'static str| {
            Check(LAYER).that(same, field, || {
                "cannot change while requests run: build a new layer".to_owned()
            })
        };
        fixed(config.header()? == self.header, "header")?;
        fixed(config.also_accept()? == self.also_accept, "also_accept")?;
        self.store(config);
        Ok(())
    }

    fn store(&self, config: &CorrelationIdConfig) {
        // Of two updates at once one is in force, and all of it.
        let _changing = sync::lock(&self.changing);
        self.enabled.store(config.enabled, Relaxed);
        self.trusting.store(config.trust == Trust::Accept, Relaxed);
        self.response_header.store(config.response_header, Relaxed);
        self.trace.store(config.trace, Relaxed);
        self.priority.store(config.priority, Relaxed);
    }

    pub(super) fn config(&self) -> CorrelationIdConfig {
        let text = |name: &HeaderName| name.as_str().to_owned();
        CorrelationIdConfig {
            enabled: self.enabled(),
            header: text(&self.header),
            also_accept: self.also_accept.iter().map(text).collect(),
            trust: self.trust(),
            response_header: self.response_header.load(Relaxed),
            trace: self.trace(),
            priority: self.priority(),
        }
    }

    /// Those of this thread, to count one more.
    #[inline]
    pub(super) fn counts(&self) -> &Counts {
        self.counts.mine()
    }

    /// What all threads have counted.
    pub(super) fn sum(&self, count: impl Fn(&Counts) -> &AtomicU64) -> u64 {
        self.counts.iter().map(|one| count(one).load(Relaxed)).sum()
    }

    #[inline]
    pub(super) fn enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    #[inline]
    pub(super) fn trust(&self) -> Trust {
        if self.trusting.load(Relaxed) {
            Trust::Accept
        } else {
            Trust::Replace
        }
    }

    #[inline]
    pub(super) fn trace(&self) -> bool {
        self.trace.load(Relaxed)
    }

    #[inline]
    pub(super) fn priority(&self) -> bool {
        self.priority.load(Relaxed)
    }

    /// The header for the response, if it is to have one.
    #[inline]
    pub(super) fn response_header(&self) -> Option<HeaderName> {
        let wanted = self.response_header.load(Relaxed);
        wanted.then(|| self.header.clone())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("config", &self.config())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}

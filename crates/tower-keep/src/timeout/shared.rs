use std::sync::Arc;

use super::{BodyDeadline, HeaderTrust, TimeoutConfig, state::FOR_EVER};
use crate::{
    common::{
        atomic::{AtomicBool, AtomicU8, AtomicU64, Relaxed},
        clock,
        sync::{self, RwLock},
        until::Until,
    },
    observe::{Emitter, EventKind},
    rejection::{Kind, Phase, Rejection},
};

/// What all clones of a timeout layer share.
///
/// The atomics are copies of what calls need of `config`. Each is read on its own and pairs with
/// nothing, so relaxed: a call that arrives during an update goes by the old or the new value.
#[derive(Debug)]
pub(super) struct Shared {
    /// An open [`Until`], as a word; without [`ACTS`] if not every call has a deadline that is kept.
    timeout: AtomicU64,
    /// In nanoseconds; [`FOR_EVER`] is none.
    body_idle: AtomicU64,
    covers_body: AtomicBool,
    /// A [`HeaderTrust`], as a number.
    header_trust: AtomicU8,
    propagates: AtomicBool,
    /// The whole. Locked by handles and refusals, never by a call that is let in.
    config: RwLock<TimeoutConfig>,
    pub(super) counts: Counts,
    pub(super) emitter: Emitter,
}

/// Set in every open [`Until`], so that a word without it says something else.
const ACTS: u64 = 1 << 63;

/// What is done for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acting {
    /// Its deadline is kept.
    Fully,
    /// It is only told when it would have run out of time.
    InWords,
    /// Nothing.
    Not,
}

/// Statistics; relaxed, they order nothing.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) expired: AtomicU64,
    pub(super) head: AtomicU64,
    pub(super) body: AtomicU64,
    pub(super) body_idle: AtomicU64,
    pub(super) would_refuse: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: TimeoutConfig, emitter: Emitter) -> Arc<Self> {
        let shared = Self {
            timeout: AtomicU64::new(0),
            body_idle: AtomicU64::new(0),
            covers_body: AtomicBool::new(false),
            header_trust: AtomicU8::new(0),
            propagates: AtomicBool::new(false),
            config: RwLock::default(),
            counts: Counts::default(),
            emitter,
        };
        shared.configure(config);
        Arc::new(shared)
    }

    /// Takes over a checked configuration, for calls that arrive from now on.
    pub(super) fn configure(&self, config: TimeoutConfig) {
        // Held until the copies are written: of two updates at once one is in force, and all of it.
        let mut current = sync::write(&self.config);
        let timeout = config.timeout.map_or(Until::NEVER, Until::open);
        let acts = if config.always_acts() { ACTS } else { 0 };
        self.timeout
            .store(timeout.to_word() & !ACTS | acts, Relaxed);
        let idle = config.body_idle.map_or(FOR_EVER, clock::whole_nanos);
        self.body_idle.store(idle, Relaxed);
        let covers_body = config.body == BodyDeadline::Covered;
        self.covers_body.store(covers_body, Relaxed);
        self.header_trust
            .store(config.header_trust() as u8, Relaxed);
        self.propagates.store(config.propagates(), Relaxed);
        *current = config;
    }

    pub(super) fn config(&self) -> TimeoutConfig {
        let config = sync::read(&self.config);
        config.clone()
    }

    /// The time for a call, if every call has a deadline that is kept.
    #[inline]
    pub(super) fn usual(&self) -> Option<Until> {
        let word = self.timeout.load(Relaxed);
        (word & ACTS != 0).then(|| Until::from_word(word))
    }

    /// The time for a call, and what is done about it.
    pub(super) fn timeout(&self) -> (Until, Acting) {
        let word = self.timeout.load(Relaxed);
        let acting = if word & ACTS == 0 {
            self.acting()
        } else {
            Acting::Fully
        };
        (Until::from_word(word | ACTS), acting)
    }

    #[cold]
    fn acting(&self) -> Acting {
        let config = sync::read(&self.config);
        if !config.enabled {
            Acting::Not
        } else if config.enforce.applies() {
            Acting::Fully
        } else {
            Acting::InWords
        }
    }

    /// How long a frame may take, in nanoseconds.
    #[inline]
    pub(super) fn body_idle(&self) -> u64 {
        self.body_idle.load(Relaxed)
    }

    pub(super) fn covers_body(&self) -> bool {
        self.covers_body.load(Relaxed)
    }

    pub(super) fn header_trust(&self) -> HeaderTrust {
        const ALL: [HeaderTrust; 3] = [HeaderTrust::Full, HeaderTrust::None, HeaderTrust::Shorten];
        ALL[usize::from(self.header_trust.load(Relaxed))]
    }

    pub(super) fn propagates(&self) -> bool {
        self.propagates.load(Relaxed)
    }

    /// Counts a call that would have been refused, and tells of it.
    #[cold]
    pub(super) fn would_refuse(&self, kind: Kind) {
        self.counts.would_refuse.fetch_add(1, Relaxed);
        self.emitter.emit(EventKind::CallWouldBeRejected { kind });
    }

    /// Counts a call that ran out of time, tells of it, and makes its refusal.
    #[cold]
    pub(super) fn refuse(&self, kind: Kind) -> Rejection {
        let counter = match &kind {
            Kind::DeadlineExceeded { phase, .. } => match phase {
                Phase::Body => &self.counts.body,
                Phase::BodyIdle => &self.counts.body_idle,
                Phase::Head | Phase::RequestBody => &self.counts.head,
            },
            _ => &self.counts.expired,
        };
        counter.fetch_add(1, Relaxed);
        let status = self.config().role.status();
        self.emitter.refuse(kind).with_status(status)
    }
}

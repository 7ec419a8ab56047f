use std::{fmt, sync::Arc, time::Duration};

use super::{Permit, ThrottleConfig, state::Terms};
use crate::{
    classify::Class,
    common::{
        atomic::{Acquire, AtomicU64, Relaxed, Release},
        clock,
        sync::{self, RwLock},
        window::{Counts, Outcome, Ring, TimeWindow, settle},
    },
    config::Enforce,
    observe::{Emitter, EventKind},
    rejection::{Kind, Rejection},
};

/// What the layer, its services, its handles and its calls share.
///
/// While all is well a call reads one word on its way in and writes one on its way out. What has to be
/// worked out is worked out after a call that was not accepted, and for each call while calls are held
/// back.
pub(super) struct Core {
    /// 0 while no call is to be held back. A call that was not accepted moves it on if that makes the
    /// probability more than none; whoever then finds that it is none again sets it to 0, unless it
    /// was moved on meanwhile. (That accepts leave the window can make it more than none as well; the
    /// next call that is not accepted finds out.) Release and acquire, so that whoever sees a move finds in the window
    /// what it was for.
    alarm: AtomicU64,
    window: TimeWindow,
    /// The length of a tick in milliseconds, and above it the generation, which moves on when ticks
    /// get another length. 0 ticks: switched off. Relaxed: a call that ends during a change counts in
    /// the old window or the new one.
    ticks: AtomicU64,
    terms: AtomicTerms,
    /// All of it, for people. What calls need of it is in the words beside.
    config: RwLock<ThrottleConfig>,
    /// Statistics; relaxed, they order nothing.
    held_back: AtomicU64,
    pub(super) emitter: Emitter,
}

/// What calls need of the configuration. Relaxed: each is read on its own and pairs with nothing; a call
/// that arrives during a change is judged by the old or the new value.
#[derive(Default)]
struct AtomicTerms {
    k: AtomicU64,
    min_calls: AtomicU64,
    max_rejection: AtomicU64,
    enforce: AtomicU64,
    count_failures: AtomicU64,
}

impl AtomicTerms {
    fn store(&self, config: &ThrottleConfig) {
        self.k.store(config.k.to_bits(), Relaxed);
        self.min_calls.store(config.min_calls as u64, Relaxed);
        let max_rejection = config.max_rejection.to_bits();
        self.max_rejection.store(max_rejection, Relaxed);
        let enforce = u64::from(config.enforce.as_percent());
        self.enforce.store(enforce, Relaxed);
        let count_failures = u64::from(config.count_failures);
        self.count_failures.store(count_failures, Relaxed);
    }

    fn load(&self) -> Terms {
        Terms {
            k: f64::from_bits(self.k.load(Relaxed)),
            min_calls: self.min_calls.load(Relaxed),
            max_rejection: f64::from_bits(self.max_rejection.load(Relaxed)),
        }
    }

    fn enforce(&self) -> Enforce {
        Enforce::percent(self.enforce.load(Relaxed) as u8)
    }
}

/// Which window a call counts in, and where.
#[derive(Clone, Copy)]
struct Ticks(u64);

impl Ticks {
    fn new(generation: u64, millis: u64) -> Self {
        Self(generation << TICK_BITS | millis)
    }

    fn generation(self) -> u64 {
        self.0 >> TICK_BITS
    }

    /// The length of one; 0 if the layer is switched off.
    fn millis(self) -> u64 {
        self.0 & ((1 << TICK_BITS) - 1)
    }

    fn now(self) -> u64 {
        clock::millis_now() / self.millis().max(1)
    }
}

/// A tenth of a year has 32 bits of milliseconds.
const TICK_BITS: u32 = 34;

impl Core {
    pub(super) fn new(config: ThrottleConfig, emitter: Emitter) -> Arc<Self> {
        let terms = AtomicTerms::default();
        terms.store(&config);
        Arc::new(Self {
            alarm: AtomicU64::new(0),
            window: TimeWindow::new(),
            ticks: AtomicU64::new(Ticks::new(0, tick(&config)).0),
            terms,
            config: RwLock::new(config),
            held_back: AtomicU64::new(0),
            emitter,
        })
    }

    pub(super) fn config(&self) -> ThrottleConfig {
        sync::read(&self.config).clone()
    }

    /// Takes over a checked configuration. What was counted stays, unless in a window of another
    /// length.
    pub(super) fn configure(&self, new: ThrottleConfig) {
        let mut config = sync::write(&self.config);
        let old = self.ticks();
        if old.millis() != tick(&new) {
            self.window.clear();
            let ticks = Ticks::new(old.generation() + 1, tick(&new));
            self.ticks.store(ticks.0, Relaxed);
        }
        self.terms.store(&new);
        *config = new;
        // The next call finds out what the new terms make of the window.
        self.alarm.fetch_add(1, Release);
    }

    fn ticks(&self) -> Ticks {
        Ticks(self.ticks.load(Relaxed))
    }

    /// Lets a call through if none is to be held back and nobody wants to be told: the usual case.
    #[inline]
    pub(super) fn admit_at_once(self: &Arc<Self>) -> Option<Permit> {
        if self.alarm.load(Acquire) != 0 || self.emitter.wants_calls() {
            return None;
        }
        Some(Permit::new(self.clone()))
    }

    /// Lets a call through or holds it back.
    #[inline(never)]
    pub(super) fn admit(self: &Arc<Self>) -> Result<Permit, Rejection> {
        if let Some(retry_after) = self.hold_back() {
            let rejection = self.emitter.refuse(Kind::Throttled);
            return Err(rejection.with_retry_after(Some(retry_after)));
        }
        let permit = Permit::new(self.clone());
        if self.emitter.wants_calls() {
            self.emitter.emit(EventKind::CallAdmitted {
                waited: Duration::ZERO,
            });
            return Ok(permit.observed());
        }
        Ok(permit)
    }

    /// Whether this call is held back, and if so when the window will have moved.
    fn hold_back(&self) -> Option<Duration> {
        let alarm = self.alarm.load(Acquire);
        if alarm == 0 {
            return None;
        }
        let ticks = self.ticks();
        let (.., probability) = self.look();
        if probability <= 0.0 || ticks.millis() == 0 {
            // Only if nothing has happened since: a move that was lost would let everything through
            // until the next call that is not accepted.
            let _ = self.alarm.compare_exchange(alarm, 0, Relaxed, Relaxed);
            return None;
        }
        if fastrand::f64() >= probability {
            return None;
        }
        if !self.terms.enforce().applies() {
            let kind = Kind::Throttled;
            self.emitter.emit(EventKind::CallWouldBeRejected { kind });
            return None;
        }
        self.held_back.fetch_add(1, Relaxed);
        self.count(ticks, false);
        Some(Duration::from_millis(ticks.millis()))
    }

    /// A call that went out is over.
    #[inline]
    pub(super) fn ended(&self, class: Class) {
        let ticks = self.ticks();
        if ticks.millis() == 0 || class == Class::Ignored {
            return;
        }
        if class == Class::Success {
            self.count(ticks, true);
        } else {
            self.ended_badly(ticks, class);
        }
    }

    #[cold]
    fn ended_badly(&self, ticks: Ticks, class: Class) {
        let count_failures = self.terms.count_failures.load(Relaxed) != 0;
        let accepted = class == Class::Failure && !count_failures;
        self.count(ticks, accepted);
        if !accepted {
            settle();
            if self.look().2 > 0.0 {
                self.alarm.fetch_add(1, Release);
            }
        }
    }

    #[inline]
    fn count(&self, ticks: Ticks, accepted: bool) {
        let outcome = Outcome {
            bad: !accepted,
            slow: false,
        };
        self.window.record(ticks.now(), ticks.generation(), outcome);
    }

    /// Requests and accepts in the window, and the probability that follows.
    pub(super) fn look(&self) -> (u64, u64, f64) {
        let ticks = self.ticks();
        let Counts { total, bad, .. } = self.window.counts(ticks.now(), ticks.generation());
        let accepts = total.saturating_sub(bad);
        (total, accepts, self.terms.load().rejection(total, accepts))
    }

    pub(super) fn held_back(&self) -> u64 {
        self.held_back.load(Relaxed)
    }
}

fn tick(config: &ThrottleConfig) -> u64 {
    if !config.enabled {
        return 0;
    }
    let tick = Duration::from_millis(Ring::TICKS);
    config.window.as_nanos().div_ceil(tick.as_nanos()) as u64
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("config", &self.config())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}

use std::{fmt, sync::Arc, time::Duration};

use super::{
    CircuitBreakerConfig, LAYER, Permit,
    core::{Core, Ticket},
    gate::Rule,
    state::Admission,
};
use crate::{
    classify::Verdict,
    common::{
        stripe::{Stripe, Stripes},
        window::Ring,
    },
    config::{ConfigError, Enforce},
    observe::{EventKind, Fact},
    rejection::{Kind, Rejection, Short, Why},
};

/// Where calls come in.
///
/// A call takes with it the [`Lane`] of the thread that it comes in on. All that the usual call writes
/// is there, so that calls on two cores have nothing to wait for.
pub(super) struct Front {
    pub(super) core: Arc<Core>,
    lanes: Stripes<Lane>,
}

/// The breaker is open.
#[derive(Clone, Copy)]
pub(super) struct Open;

impl Why for Open {
    const LAYER: &'static str = LAYER;

    #[inline]
    fn kind(self) -> Kind {
        Kind::CircuitOpen
    }
}

/// What a call keeps hold of.
pub(super) struct Lane {
    pub(super) core: Arc<Core>,
    /// One of the stripes of the core's meter.
    calls: Arc<Stripe<Ring>>,
}

impl Front {
    pub(super) fn new(config: CircuitBreakerConfig) -> Result<Arc<Self>, ConfigError> {
        Core::new(config).map(Self::of)
    }

    fn of(core: Arc<Core>) -> Arc<Self> {
        let lane = |calls: &Arc<Stripe<Ring>>| Lane {
            core: core.clone(),
            calls: calls.clone(),
        };
        Arc::new(Self {
            lanes: core.meter.calls().beside(lane),
            core,
        })
    }

    /// A fresh one for a key. What a person has decided holds for it too.
    pub(super) fn fork(&self, key: &str, config: CircuitBreakerConfig) -> Arc<Self> {
        Self::of(self.core.fork(key, config))
    }

    /// Whether nobody but the owner of this one knows it, and no call runs.
    pub(super) fn is_free(self: &Arc<Self>) -> bool {
        // In this order: whoever knows it can take a lane.
        Arc::strong_count(self) == 1 && self.lanes.are_free()
    }

    /// Lets a call through or turns it away.
    #[inline]
    pub(super) fn admit(&self) -> Result<Permit, Rejection> {
        match self.admit_at_once() {
            Some(permit) => Ok(permit),
            None => self.admit_by_rule(),
        }
    }

    /// Lets a call through if all are and nobody wants to be told of each, which is the usual case.
    #[inline]
    pub(super) fn admit_at_once(&self) -> Option<Permit> {
        let generation = self.core.gate.wide_open()?;
        if self.core.emitter.wants_calls() {
            return None;
        }
        let probe = None;
        Some(Permit::new(self.lane(), Ticket { generation, probe }))
    }

    /// Turns a call away while all are, for a known time.
    #[cold]
    #[inline(never)]
    pub(super) fn turn_away(&self) -> Option<Short<Open>> {
        let core = &*self.core;
        let gate = core.gate.load();
        if gate.rule != Rule::NoneUntil || gate.enforce != Enforce::ALL || core.emitter.notes() {
            return None;
        }
        match core.admission(gate) {
            Some(Admission::Refused {
                retry_after: Some(after),
            }) => Some(Short::new(Open, after, &core.emitter)),
            _ => None,
        }
    }

    /// Lets a call through or turns it away, whatever the state.
    #[inline(never)]
    pub(super) fn admit_by_rule(&self) -> Result<Permit, Rejection> {
        self.try_admit().map_err(|retry_after| {
            let rejection = self.core.emitter.refuse(Kind::CircuitOpen);
            rejection.with_retry_after(retry_after)
        })
    }

    /// Lets a call through, or says when to ask again, if that is known.
    pub(super) fn try_admit(&self) -> Result<Permit, Option<Duration>> {
        let core = &*self.core;
        let gate = core.gate.load();
        let admission = core
            .admission(gate)
            .unwrap_or_else(|| core.change(|machine| machine.admit(core.moment())));
        core.emitter.note(|| {
            let state = gate.rule.state(&admission)?.as_str();
            Some(Fact::State { state })
        });
        match admission {
            Admission::Counted { generation } => Ok(self.permit(generation, None)),
            Admission::Uncounted => Ok(self.permit(UNCOUNTED, None)),
            Admission::Probe { generation, id } => Ok(self.permit(generation, Some(id))),
            Admission::Refused { .. } if !gate.enforce.applies() => {
                let kind = Kind::CircuitOpen;
                core.emitter.emit(EventKind::CallWouldBeRejected { kind });
                Ok(self.permit(UNCOUNTED, None))
            }
            Admission::Refused { retry_after } => Err(retry_after),
        }
    }

    fn permit(&self, generation: u64, probe: Option<u32>) -> Permit {
        let permit = Permit::new(self.lane(), Ticket { generation, probe });
        if self.core.emitter.wants_calls() {
            permit.observed()
        } else {
            permit
        }
    }

    #[inline]
    fn lane(&self) -> Arc<Stripe<Lane>> {
        self.lanes.mine().clone()
    }
}

impl Lane {
    /// A call is over that was no probe, was good and was not slow.
    #[inline]
    pub(super) fn finish_good(&self, generation: u64, millis: u64) {
        self.core.finish_good(&self.calls.0, generation, millis);
    }

    /// A call is over.
    pub(super) fn finish(&self, ticket: &Ticket, verdict: Verdict, slow: bool) {
        self.core.finish(&self.calls.0, ticket, verdict, slow);
    }
}

/// The generation of a call that does not count; no state has it.
const UNCOUNTED: u64 = u64::MAX;

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}

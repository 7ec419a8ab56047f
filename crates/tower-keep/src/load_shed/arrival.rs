use std::{sync::Arc, task::Waker};

use super::{
    Permit, Reason, Tenant,
    seen::Level,
    shared::{Line, Shared},
    state::Caller,
    wait::{Slot, Stay, Waiter},
};
use crate::{
    common::{
        clock::{self, Instant},
        sync,
    },
    context::{self, Priority},
    observe::EventKind,
    rejection::{Kind, Rejection},
};

/// A call that asks for a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) priority: Option<Priority>,
    pub(super) tenant: Option<Tenant>,
    pub(super) exempt: bool,
}

/// What became of a call that asked for a place.
pub(super) enum Admission {
    Permit(Permit),
    Wait(Waiter),
    Refused(Rejection),
}

impl Shared {
    /// Asks for a place, with all that can keep a call from one.
    pub(super) fn arrive(self: &Arc<Self>, call: &Call) -> Admission {
        if call.exempt {
            return Admission::Permit(self.run_anyway());
        }
        let now = clock::now();
        let share = if self.gate().has_pressure() {
            self.gauge.share(self.age(now))
        } else {
            0.0
        };
        if share <= 0.0
            && !self.gate().is_congested()
            && let Some(permit) = self.try_run(self.gate().limit())
        {
            return Admission::Permit(permit.for_tenant(call.tenant, now));
        }
        let caller = self.caller(call, now);
        let mut line = self.lock();
        let decided = self.decide(&mut line, &caller, share, now);
        self.end_change(line);
        match decided {
            Ok(Place::Taken) => {
                Admission::Permit(Permit::new(self.clone()).for_tenant(call.tenant, now))
            }
            Ok(Place::InLine { slot, end, evicted }) => {
                if let Some(evicted) = evicted {
                    wake(evicted.shed(Reason::Full));
                }
                let stay = Stay {
                    class: caller.level.class(),
                    since: now,
                    end,
                    by_deadline: caller.deadline == Some(end),
                };
                Admission::Wait(Waiter::new(self.clone(), slot, stay, call.tenant))
            }
            Err(reason) => match self.refuse(reason) {
                Ok(permit) => Admission::Permit(permit.for_tenant(call.tenant, now)),
                Err(rejection) => Admission::Refused(rejection),
            },
        }
    }

    /// Decides, with the queue locked. Wakes and tells nobody.
    fn decide(
        &self,
        line: &mut Line,
        caller: &Caller,
        share: f64,
        now: Instant,
    ) -> Result<Place, Reason> {
        let Line { queue, terms } = line;
        queue.meet(caller, terms, now);
        let running = self.counts().running;
        // Read under the lock: a new limit is stored before `configure` hands places out, with the
        // lock held, so whoever still queues by an old limit is found there.
        let limit = self.gate().limit();
        // Where nothing runs, it is not us who make the pressure; and where half of the places are
        // free, what there was of overload is over.
        if running > 0 {
            queue.bear(caller, share, running <= limit / 2)?;
        }
        if self.update(|counts| counts.run(limit)).is_some() {
            queue.start();
            return Ok(Place::Taken);
        }
        queue.may_wait(caller, terms, now)?;
        let mut waits = false;
        self.update(|counts| {
            let next = counts.run_or_wait(limit);
            waits = next.waiting > counts.waiting;
            Some(next)
        });
        if !waits {
            queue.start();
            return Ok(Place::Taken);
        }
        let slot = Arc::<Slot>::default();
        let (end, evicted) = queue.push(caller, slot.clone(), terms, now);
        if evicted.is_some() {
            self.stop_waiting(1);
        }
        Ok(Place::InLine { slot, end, evicted })
    }

    /// Turns a call away, unless it is not to be enforced: then it runs, place or no place.
    pub(super) fn refuse(self: &Arc<Self>, reason: Reason) -> Result<Permit, Rejection> {
        let (enforce, retry_after) = {
            let config = sync::read(&self.config);
            (config.enforce, config.retry_after)
        };
        let kind = Kind::Overloaded {
            reason: reason.as_str(),
        };
        if !enforce.applies() {
            self.emitter.emit(EventKind::CallWouldBeRejected { kind });
            return Ok(self.run_anyway());
        }
        self.count_shed(reason);
        let rejection = self.emitter.refuse(kind);
        Err(rejection.with_retry_after(Some(retry_after)))
    }

    fn run_anyway(self: &Arc<Self>) -> Permit {
        self.update(|counts| Some(counts.run_anyway()));
        Permit::new(self.clone())
    }

    fn caller(&self, call: &Call, now: Instant) -> Caller {
        let priority = call.priority.or_else(context::priority).unwrap_or_default();
        let step = match (call.tenant, self.tenants.get()) {
            (Some(tenant), Some(tenants)) => tenants.step(tenant, self.age(now)),
            _ => Level::STEPS - 1,
        };
        Caller {
            level: Level::new(priority, step),
            chance: chance(),
            deadline: context::deadline().map(context::Deadline::instant),
        }
    }
}

enum Place {
    Taken,
    InLine {
        slot: Arc<Slot>,
        /// Until when the call may wait.
        end: Instant,
        evicted: Option<Arc<Slot>>,
    },
}

/// What tells calls of one level apart. Where a request has a correlation id it is made from that, so
/// that all services draw the same lot for it: what one of them sheds would not have got past another.
fn chance() -> f64 {
    match context::correlation_id() {
        None => fastrand::f64(),
        Some(id) => {
            // FNV-1a, and its upper half: the same in every process.
            let hash = id
                .as_str()
                .bytes()
                .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
            f64::from((hash >> 32) as u32) / f64::from(u32::MAX)
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

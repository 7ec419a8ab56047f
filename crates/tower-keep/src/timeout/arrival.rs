//! How long a call has, as far as that is known when it arrives.

use std::time::Duration;

use super::{
    HeaderTrust, RequestTimeout, header,
    shared::{Acting, Shared},
    state::since,
};
use crate::{
    common::{
        clock,
        until::{self, Until, Within},
    },
    context::Deadline,
    protocol::{Head, Inspect, Wire},
};

/// A timeout for one request, chosen by its head.
pub(super) type Choose = dyn Fn(&Head<'_>) -> Option<RequestTimeout> + Send + Sync;

/// The time that a call has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// When it began to run, in the clock's nanoseconds; 0 until somebody has to know.
    pub(super) started: u64,
    /// Until the head of the answer.
    pub(super) head: Until,
    /// Until the last frame.
    pub(super) body: Until,
    /// Whether this layer read a caller's deadline, and so has to see that it is kept.
    keeps_callers: bool,
    pub(super) acting: Acting,
}

impl Allowance {
    /// For a call that nothing is done for, or that is not made.
    pub(super) const NONE: Self = Self {
        started: 0,
        head: Until::NEVER,
        body: Until::NEVER,
        keeps_callers: false,
        acting: Acting::Not,
    };

    /// For a call without a head that has to wait now.
    pub(super) const fn usual(until: Until) -> Self {
        Self {
            started: 0,
            head: until,
            body: Until::NEVER,
            keeps_callers: false,
            acting: Acting::Fully,
        }
    }

    /// For a call without a head: it counts from whenever somebody asks. `None` if it comes too late.
    pub(super) fn unread(timeout: Until, acting: Acting) -> Option<Self> {
        let outer = until::current();
        if outer.is_fixed() && is_past(outer, clock::nanos_now()) {
            return None;
        }
        Some(Self {
            acting,
            ..Self::usual(timeout)
        })
    }

    /// For a request: it counts from now. `None` if it comes too late.
    ///
    /// What is left is written into the request where the layer propagates it.
    pub(super) fn read<Req>(
        protocol: &impl Inspect<Req>,
        request: &mut Req,
        wire: Wire,
        shared: &Shared,
        choose: Option<&Choose>,
        (timeout, acting): (Until, Acting),
    ) -> Option<Self> {
        let now = clock::nanos_now();
        let (own, caller) = match protocol.head(request) {
            Some(head) => (
                own(&head, timeout, choose),
                caller(&head, wire, now, shared.header_trust()),
            ),
            None => (timeout, Until::NEVER),
        };
        let granted = own.fix(|| now).earlier(caller);
        let outer = match acting {
            Acting::Fully => until::current(),
            // The layer outside tells of its own.
            Acting::InWords | Acting::Not => Until::NEVER,
        };
        let head = granted.earlier(outer.fix(|| now));
        if is_past(head, now) {
            return None;
        }
        if acting == Acting::Fully
            && shared.propagates()
            && let Some(end) = head.nanos()
            && let Some(headers) = protocol.headers_mut(request)
        {
            header::write(headers, wire, left(end, now));
        }
        // A deadline outside is not ours to lay over the body: it is in force while the body is
        // polled, if its layer covers bodies.
        let body = if shared.covers_body() {
            granted
        } else {
            caller
        };
        Some(Self {
            started: now,
            head,
            body,
            keeps_callers: granted.is_callers(),
            acting,
        })
    }

    /// How long it has, counted from now.
    pub(super) fn left(&self) -> Option<Duration> {
        let now = clock::nanos_now();
        let end = self.head.fix(|| now).nanos()?;
        Some(left(end, now))
    }

    /// Has what follows run under its deadline, as a part of the call.
    #[inline]
    pub(super) fn enter(&mut self) -> Option<Within<'_>> {
        let applies = self.acting == Acting::Fully;
        applies.then(|| Within::new(&mut self.head))
    }

    /// Since when the call runs and when its head must be there; from now on it counts.
    ///
    /// A caller's deadline from outside is left to the layer that read it: that one knows that the
    /// caller has given up, while an answer of ours would look like a failure to all in between.
    pub(super) fn due(&mut self) -> Option<(u64, u64)> {
        if self.head.is_never() || (self.head.is_callers() && !self.keeps_callers) {
            return None;
        }
        let started = since(&mut self.started, clock::nanos_now);
        self.head = self.head.fix(|| started);
        self.head.nanos().map(|end| (started, end))
    }
}

/// What this layer grants.
fn own(head: &Head<'_>, timeout: Until, choose: Option<&Choose>) -> Until {
    let chosen = head.extensions.get().copied();
    match chosen.or_else(|| choose.and_then(|choose| choose(head))) {
        Some(chosen) => RequestTimeout::duration(chosen).map_or(Until::NEVER, Until::open),
        None => timeout,
    }
}

/// What the caller of this request grants.
fn caller(head: &Head<'_>, wire: Wire, now: u64, trust: HeaderTrust) -> Until {
    let extension = head.extensions.get().copied().map(Deadline::instant);
    let extension = extension.map_or(Until::NEVER, Until::fixed);
    let header = || {
        let time = header::read(head.headers, wire);
        time.map_or(Until::NEVER, |time| Until::open(time).fix(|| now))
    };
    extension.earlier(match trust {
        HeaderTrust::Full => header(),
        HeaderTrust::None => Until::NEVER,
        HeaderTrust::Shorten => header().of_caller(),
    })
}

fn is_past(until: Until, now: u64) -> bool {
    until.nanos().is_some_and(|end| end <= now)
}

fn left(end: u64, now: u64) -> Duration {
    Duration::from_nanos(end.saturating_sub(now))
}

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tower_service::Service;

use super::{
    shared::Shared,
    state::{self, Next, Worth},
};
use crate::{
    classify::Verdict,
    common::{
        cancel::{self, Reason},
        clock::{self, Instant},
        spare::Held,
        timer::Timer,
    },
    context,
    observe::in_attempt,
    protocol::{Protocol, Wire},
    replay::{Replay, Skip},
};

/// The attempts beside the first, and what is needed for more of them.
pub(super) struct Race<S, Req, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    held: Holding<S>,
    /// What further attempts are made of; gone when there will be none.
    further: Option<Further<S, R::Saved>>,
    replay: R,
    others: Vec<Other<S::Future>>,
    /// The best of the answers that nobody wants.
    aside: Option<Aside<Outcome<S, R::Request>>>,
    /// The number of the first attempt, and of the last.
    first: u32,
    last: u32,
    left: u32,
    /// When the first attempt had to wait.
    waits_since: Option<Instant>,
    /// Whether time alone starts an attempt.
    is_timed: bool,
}

/// What a call shares with others, and where it has a service from to try again with.
pub(super) type Holding<S> = Held<S, Arc<Shared>, ()>;

struct Further<S, Saved> {
    /// None before the first of them.
    service: Option<S>,
    saved: Saved,
}

/// An attempt that runs.
struct Other<F> {
    number: u32,
    future: Pin<Box<F>>,
}

/// An attempt that ended and did not win.
struct Aside<O> {
    worth: Worth,
    number: u32,
    outcome: O,
}

type Outcome<S, Req> = Result<<S as Service<Req>>::Response, <S as Service<Req>>::Error>;

/// Says how attempts went.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a, P> {
    pub(super) protocol: &'a P,
    pub(super) wire: Wire,
}

impl<S, Req, R> Race<S, Req, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    #[inline]
    pub(super) fn new(
        held: Holding<S>,
        saved: R::Saved,
        replay: R,
        attempt: u32,
        hedges: u32,
    ) -> Self {
        let service = None;
        Self {
            held,
            further: Some(Further { service, saved }),
            replay,
            others: Vec::new(),
            aside: None,
            first: attempt,
            last: attempt,
            left: hedges,
            waits_since: None,
            is_timed: true,
        }
    }

    /// The number of the first attempt.
    #[inline]
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// Whether there never was another attempt than the first.
    #[inline]
    pub(super) fn is_alone(&self) -> bool {
        self.last == self.first
    }

    /// The first attempt has a good answer.
    #[inline]
    pub(super) fn answered(&self) {
        match self.waits_since {
            None => self.shared().live.pace.answered_at_once(),
            Some(since) => self.took(since),
        }
    }

    fn took(&self, since: Instant) {
        let took = clock::now().saturating_duration_since(since);
        self.shared().live.pace.answered(took);
    }

    #[inline]
    fn shared(&self) -> &Shared {
        self.held.shared()
    }

    /// There will be no further attempt. What the service holds for one is given back.
    fn no_more(&mut self) {
        self.further = None;
        self.held.let_go();
    }

    /// All but an answer that comes before anything else happens. Apart, so that that is short.
    #[inline(never)]
    pub(super) fn go_on<P>(
        &mut self,
        mut first: Pin<&mut Option<S::Future>>,
        mut timer: Pin<&mut Option<Timer>>,
        ended: Option<(Verdict, Outcome<S, R::Request>)>,
        judge: Judge<'_, P>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<S, R::Request>>
    where
        S: Clone,
        P: Protocol<S::Response, S::Error>,
    {
        if let Some((verdict, outcome)) = ended {
            first.set(None);
            if let Some(outcome) = self.ended(self.first, &verdict, outcome, judge.wire, cx) {
                return Poll::Ready(self.won(self.first, outcome, first, timer));
            }
        }
        let mut at = 0;
        loop {
            while let Some(other) = self.others.get_mut(at) {
                let number = other.number;
                let polled = in_attempt(number, || other.future.as_mut().poll(cx));
                let Poll::Ready(outcome) = polled else {
                    at += 1;
                    continue;
                };
                let number = self.others.remove(at).number;
                let verdict = judge.protocol.judge(judge.wire, &outcome).so_far();
                if let Some(outcome) = self.ended(number, &verdict, outcome, judge.wire, cx) {
                    return Poll::Ready(self.won(number, outcome, first, timer));
                }
            }
            if first.is_none() && self.others.is_empty() {
                let best = self.aside.take().expect("an attempt won or was kept");
                return Poll::Ready(self.won(best.number, best.outcome, first, timer));
            }
            // Work before timers.
            let Some(after) = self.is_due(timer.as_mut(), cx) else {
                return Poll::Pending;
            };
            self.start(false, after, judge.wire, cx);
        }
    }

    /// An attempt has ended: gives its outcome if it wins, and does what follows otherwise.
    fn ended(
        &mut self,
        number: u32,
        verdict: &Verdict,
        outcome: Outcome<S, R::Request>,
        wire: Wire,
        cx: &mut Context<'_>,
    ) -> Option<Outcome<S, R::Request>>
    where
        S: Clone,
    {
        let next = state::next(verdict);
        if next == Next::Wins {
            return Some(outcome);
        }
        let answered = outcome.is_ok();
        let worth = Worth::of(verdict, answered, number);
        if self.aside.as_ref().is_none_or(|best| best.worth < worth) {
            self.aside = Some(Aside {
                worth,
                number,
                outcome,
            });
        }
        match next {
            Next::Wins | Next::Kept => {}
            Next::Again if self.left > 0 => self.start(answered, Duration::ZERO, wire, cx),
            Next::Again => {}
            Next::Last if self.left > 0 => self.give_up(Skip::RetryAfterTooLong),
            Next::Last => {}
        }
        None
    }

    /// How long was waited, if it is time for another attempt.
    fn is_due(
        &mut self,
        mut timer: Pin<&mut Option<Timer>>,
        cx: &mut Context<'_>,
    ) -> Option<Duration> {
        if self.left == 0 || !self.is_timed {
            timer.set(None);
            if self.waits_since.is_none() {
                self.waits_since = Some(clock::now());
            }
            return None;
        }
        if timer.is_none() {
            let now = clock::now();
            self.waits_since.get_or_insert(now);
            let delay = self.shared().delay(now);
            if delay == Some(Duration::ZERO) {
                return delay;
            }
            let due = delay.map(|delay| now + delay);
            let deadline = context::deadline().map(context::Deadline::instant);
            // A timer that the caller does not live to see need not be set.
            let Some(due) = due.filter(|due| deadline.is_none_or(|end| *due < end)) else {
                self.is_timed = false;
                return None;
            };
            timer.set(Some(Timer::at(due)));
        }
        if timer.as_mut().as_pin_mut()?.poll(cx).is_pending() {
            return None;
        }
        timer.set(None);
        let since = self.waits_since?;
        Some(clock::now().saturating_duration_since(since))
    }

    /// Begins another attempt, or says why there is none and never will be.
    fn start(&mut self, answered: bool, after: Duration, wire: Wire, cx: &mut Context<'_>)
    where
        S: Clone,
    {
        let Some(further) = &mut self.further else {
            return;
        };
        if let Err(why) = may_go_on::<Req, R>(&further.saved, answered) {
            return self.give_up(why);
        }
        let service = further.service.get_or_insert_with(|| self.held.take());
        // Waiting would be of no use: by then the first attempt has its answer, and what it waits for
        // may be what the answers kept aside hold.
        if !matches!(service.poll_ready(cx), Poll::Ready(Ok(()))) {
            return self.give_up(Skip::NotReady);
        }
        if !self.held.shared().budget.withdraw() {
            return self.give_up(Skip::Budget);
        }
        self.left -= 1;
        self.last += 1;
        let request = self.replay.again(&further.saved, self.last, wire);
        self.others.push(Other {
            number: self.last,
            future: Box::pin(in_attempt(self.last, || service.call(request))),
        });
        self.shared().started(self.last, after);
        if self.left == 0 {
            self.no_more();
        }
    }

    fn give_up(&mut self, why: Skip) {
        self.left = 0;
        self.no_more();
        self.shared().skip(why);
    }

    /// The call has its answer: the other attempts are dropped before anybody is told.
    fn won(
        &mut self,
        number: u32,
        outcome: Outcome<S, R::Request>,
        mut first: Pin<&mut Option<S::Future>>,
        mut timer: Pin<&mut Option<Timer>>,
    ) -> Outcome<S, R::Request> {
        let is_running = first.is_some();
        let running = usize::from(is_running) + self.others.len();
        timer.set(None);
        cancel::because(Reason::Hedged, || {
            first.set(None);
            self.others.clear();
            self.aside = None;
        });
        self.no_more();
        // Of the first, given up for a faster one, it is known that it takes longer than this.
        if let Some(since) = self.waits_since.filter(|_| is_running) {
            self.took(since);
        }
        if !self.is_alone() {
            self.shared().ended(number, number != self.first, running);
        }
        outcome
    }
}

/// Whether another attempt may be made, as far as the call is concerned.
fn may_go_on<Req, R: Replay<Req>>(saved: &R::Saved, answered: bool) -> Result<(), Skip> {
    if context::deadline().is_some_and(context::Deadline::is_past) {
        return Err(Skip::Deadline);
    }
    if context::inbound_attempt() > 1 {
        return Err(Skip::RetriedUpstream);
    }
    R::share(saved, answered)
}

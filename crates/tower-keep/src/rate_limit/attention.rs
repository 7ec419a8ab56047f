use std::{sync::Arc, task::Waker, time::Duration};

use http::header;

use super::{
    Meter,
    admit::Receipt,
    cost::Price,
    headers,
    shared::{Flags, Shared},
};
use crate::{
    classify::{Class, Hint, Retry, retry_hint},
    protocol::{Protocol, Wire},
    rejection::Rejection,
};

/// What is to be done at the answer, for a layer that has something to do there.
pub(super) struct Attention<C> {
    shared: Arc<Shared>,
    price: C,
    receipt: Option<Receipt>,
    meter: Option<Meter>,
}

impl<C> Attention<C> {
    pub(super) fn new(shared: Arc<Shared>, price: C, meter: Option<Meter>) -> Self {
        Self {
            shared,
            price,
            receipt: None,
            meter,
        }
    }

    /// The call was let in.
    pub(super) fn paid(&mut self, receipt: Receipt) {
        if let Some(meter) = &self.meter {
            meter.count(&self.shared, receipt);
        }
        self.receipt = Some(receipt);
    }

    /// Learns from the answer of the service, and passes it on.
    pub(super) fn answer<P, Req, Res, Err>(
        self,
        protocol: &P,
        wire: Wire,
        outcome: Result<Res, Err>,
    ) -> Result<P::Response<()>, Err>
    where
        P: Protocol<Res, Err>,
        C: Price<Req, Res>,
    {
        let flags = self.shared.flags();
        match protocol.rejection(&outcome) {
            // Nothing of the service's, so there is nothing to learn from it.
            Some(rejection) if rejection.is_unexecuted() => {
                if let Some(receipt) = self.receipt.filter(|_| flags.has(Flags::REFUND)) {
                    let meter = self.meter.as_ref();
                    let left = meter.map_or(receipt, |meter| meter.close(&receipt));
                    self.shared.give_back(&left);
                }
            }
            _ => {
                self.settle(&outcome);
                if flags.has(Flags::HINTS) || flags.has(Flags::LEARN) {
                    self.heed(protocol, wire, &outcome, flags);
                }
            }
        }
        let held = protocol.hold(outcome, ());
        self.told(protocol, held)
    }

    /// Adds the headers to an answer, the service's or ours.
    pub(super) fn told<P, Res, Err>(
        &self,
        protocol: &P,
        mut answer: Result<P::Response<()>, Err>,
    ) -> Result<P::Response<()>, Err>
    where
        P: Protocol<Res, Err>,
    {
        if self.shared.flags().has(Flags::HEADERS)
            && let Ok(response) = &mut answer
            && let Some(map) = protocol.answer_headers_mut(response)
        {
            headers::write(&self.shared, map);
        }
        answer
    }

    /// Asks the answer what the call has cost.
    fn settle<Req, Res, Err>(&self, outcome: &Result<Res, Err>)
    where
        C: Price<Req, Res>,
    {
        let actual = outcome.as_ref().ok().and_then(|res| self.price.actual(res));
        let (Some(actual), Some(mut receipt)) = (actual, self.receipt) else {
            return;
        };
        match &self.meter {
            // So that both count from the same.
            Some(meter) => meter.spent(actual),
            None => self
                .shared
                .settle(&mut receipt, actual)
                .into_iter()
                .for_each(Waker::wake),
        }
    }

    /// Does what the service asks for, and learns whether it is too much.
    fn heed<P, Res, Err>(&self, protocol: &P, wire: Wire, outcome: &Result<Res, Err>, flags: Flags)
    where
        P: Protocol<Res, Err>,
    {
        let verdict = protocol.judge(wire, outcome).so_far();
        let too_many = verdict.class == Class::Overload;
        if flags.has(Flags::LEARN) {
            self.shared.learn(too_many);
        }
        if !flags.has(Flags::HINTS) {
            return;
        }
        match verdict.retry_after {
            Some(after) if too_many => self.shared.pause(after),
            // It does not say when: what is there is gone, and the rate goes on.
            _ if too_many => self.shared.pause(Duration::ZERO),
            // A good answer that was the last one for now. Its `Retry-After`, of a 202 or a redirect,
            // is about that one thing and not about a limit.
            _ if verdict.class == Class::Success && verdict.retry == Retry::Never => {
                let headers = protocol.answer_headers(outcome);
                let headers = headers.filter(|map| !map.contains_key(header::RETRY_AFTER));
                if let Some(Hint::After(after)) = headers.and_then(retry_hint)
                    && after > Duration::ZERO
                {
                    self.shared.pause(after);
                }
            }
            _ => {}
        }
    }
}

/// What a refusal is made of.
pub(super) fn refused<P, Res, Err, C>(
    attention: Option<&Attention<C>>,
    protocol: &P,
    wire: Wire,
    rejection: Rejection,
) -> Result<P::Response<()>, Err>
where
    P: Protocol<Res, Err>,
{
    let answer = protocol.reject(wire, rejection);
    match attention {
        Some(attention) => attention.told(protocol, answer),
        None => answer,
    }
}

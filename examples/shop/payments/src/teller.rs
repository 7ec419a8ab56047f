//! Does what callers want of payments, in three steps: the intent is committed, the card network is
//! called under the payment's id, and what it said is committed.
//!
//! A crash or a lost answer leaves the intent behind. Whoever finds it (a repeat of the request, any
//! other request for the payment, the reconciler, a webhook) asks the network before anything is
//! sent again. All of them may meet: each change is a compare-and-set on the payment's status.

use http::StatusCode;
use shop_kit::{
    client::CallError,
    flow::Flow,
    idempotency::{Answer, Keyed},
    ids::PaymentId,
    problem::Problem,
};

use crate::{
    domain::{Authorize, Payment, Refusal, Status, Verb},
    network::{Network, no_answer},
    store::{Accepted, Store, Wanted},
};

#[derive(Debug, Clone)]
pub(crate) struct Teller {
    store: Store,
    network: Network,
}

/// How often a payment may be found under way before its caller is asked to come again: each time
/// somebody else has moved it on.
const ROUNDS: usize = 8;

impl Teller {
    pub(crate) fn new(store: Store, network: Network) -> Self {
        Self { store, network }
    }

    /// Holds the money; a decline is an answer too.
    pub(crate) async fn authorize(
        &self,
        keyed: &Keyed,
        request: &Authorize,
    ) -> Result<Answer, Problem> {
        let (ticket, asked) = match self.store.accept(keyed, request).await? {
            Accepted::Answered(answer) => return Ok(answer),
            Accepted::Fresh(ticket) => (ticket, Asked::Now),
            Accepted::Again(ticket) => (ticket, Asked::Before),
        };
        let missing = || Problem::from(Refusal::Unknown(request.id));
        let mut payment = self.store.load(request.id).await?.ok_or_else(missing)?;
        if payment.status == Status::Authorizing {
            payment = self.settle(&payment, asked).await?;
        }
        let answer = answer(payment);
        self.store.answer(&ticket, &answer).await?;
        Ok(answer)
    }

    /// Captures, voids or refunds a payment. The id is the key: however often it is asked for, it
    /// happens once.
    pub(crate) async fn perform(&self, verb: Verb, id: PaymentId) -> Result<Payment, Problem> {
        for _ in 0..ROUNDS {
            match self.store.want(verb, id).await? {
                Wanted::Done(payment) => return Ok(payment),
                Wanted::Refused(refusal) => return Err(refusal.into()),
                Wanted::Begun(payment) => self.settle(&payment, Asked::Now).await?,
                Wanted::UnderWay(payment) => self.settle(&payment, Asked::Before).await?,
            };
        }
        let (status, kind) = (StatusCode::SERVICE_UNAVAILABLE, "payment-busy");
        Err(Problem::new(status, kind, "others move this payment").remedy("repeat the request"))
    }

    /// Finds out what became of an intent that nobody waits for any more. An authorization that the
    /// network has not heard of is not sent: whoever wanted it repeats the request or voids it. Unless
    /// it was an event that wanted it, which nobody repeats.
    pub(crate) async fn reconcile(&self, payment: &Payment) -> Result<(), Problem> {
        if payment.status != Status::Authorizing || payment.flow == Flow::Choreography {
            return self.settle(payment, Asked::Before).await.map(drop);
        }
        let found = self.network.find(payment.id).await;
        let unheard = CallError::Unknown("it has not heard of the payment".to_owned());
        let report = found
            .and_then(|found| found.ok_or(unheard))
            .map_err(|error| no_answer(&error, false))?;
        self.store.learn(&report).await?;
        Ok(())
    }

    /// Brings what is under way to its end.
    async fn settle(&self, payment: &Payment, asked: Asked) -> Result<Payment, Problem> {
        let Some(verb) = payment.status.under_way() else {
            return Ok(payment.clone());
        };
        let unsent = asked == Asked::Now && verb == Verb::Authorize;
        let report = async {
            if asked == Asked::Before
                && let Some(report) = self.network.find(payment.id).await?
                && payment.status.learn(report.status).is_some()
            {
                return Ok(report);
            }
            self.network.perform(verb, payment).await
        };
        let report = report.await.map_err(|error| {
            tracing::info!(payment = %payment.id, verb = verb.as_str(), %error, "the network gave no answer");
            no_answer(&error, unsent)
        })?;
        let learned = self.store.learn(&report).await?;
        match learned {
            Some(learned) if learned.status != payment.status => Ok(learned),
            _ => {
                let detail = format!("it says {:?} to {}", report.status, payment.status.as_str());
                tracing::error!(payment = %payment.id, detail, "the network is out of step");
                Err(no_answer(
                    &CallError::Rejected(Problem::new(
                        StatusCode::BAD_GATEWAY,
                        "out-of-step",
                        detail,
                    )),
                    false,
                ))
            }
        }
    }
}

/// Whether the network may have been asked for it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Before,
    Now,
}

/// What the caller of an authorization is told.
fn answer(payment: Payment) -> Answer {
    match (payment.status, payment.decline.clone()) {
        (Status::Declined, Some(decline)) => Problem::from(Refusal::Declined(decline)).into(),
        (Status::Voiding | Status::Voided, _) => Problem::from(Refusal::Voided).into(),
        _ => {
            let answer = Answer::new(StatusCode::CREATED, &payment);
            match &payment.terms {
                Some(terms) => answer.location(&format!("/payments/order/{}", terms.order)),
                None => answer,
            }
        }
    }
}

//! The card network, in the words of this service.

use std::time::Duration;

use http::{StatusCode, Uri};
use serde::Serialize;
use shop_kit::{
    client::{CallError, ServiceClient},
    ids::PaymentId,
    money::Money,
    problem::Problem,
    stack::{ClientHandles, Dependency, Places, Reads},
};
use tower_keep::config::ConfigError;

use crate::domain::{Payment, Report, Verb};

/// Every call names the payment, so it can be repeated, and asked about.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    client: ServiceClient,
}

impl Network {
    pub(crate) fn new(base: &Uri, timeout: Duration) -> Result<Self, ConfigError> {
        let dependency = Dependency {
            name: "cards",
            timeout,
            // Nobody here knows how much a bank can take.
            places: Places::Adaptive,
            reads: Reads::Exact,
        };
        let client = ServiceClient::new(base.clone(), &dependency)?;
        Ok(Self { client })
    }

    pub(crate) fn handles(&self) -> &ClientHandles {
        self.client.handles()
    }

    /// What the network knows of this payment, if it ever heard of it.
    pub(crate) async fn find(&self, id: PaymentId) -> Result<Option<Report>, CallError> {
        match self.client.get(&format!("/authorizations/{id}")).await {
            Ok(read) => Ok(Some(read.value)),
            Err(CallError::Rejected(problem)) if problem.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has it done; answers what became of it, be it a refusal.
    pub(crate) async fn perform(&self, verb: Verb, payment: &Payment) -> Result<Report, CallError> {
        let id = payment.id;
        let key = format!("{id}:{}", verb.as_str());
        let answer = match (verb, &payment.terms) {
            (Verb::Authorize, Some(terms)) => {
                let request = Authorize {
                    id,
                    card: &terms.account,
                    amount: terms.amount,
                };
                self.client.post("/authorizations", &key, &request).await
            }
            _ => {
                let path = format!("/authorizations/{id}/{}", verb.as_str());
                self.client.post(&path, &key, &()).await
            }
        };
        match answer {
            // A refusal that is about an authorization shows it.
            Err(CallError::Rejected(problem)) => {
                let shown = problem.more.get("authorization").cloned();
                shown
                    .and_then(|shown| serde_json::from_value(shown).ok())
                    .ok_or(CallError::Rejected(problem))
            }
            other => other,
        }
    }
}

#[derive(Serialize)]
struct Authorize<'a> {
    id: PaymentId,
    card: &'a str,
    amount: Money,
}

/// What the caller is told when the network gave no usable answer. `unsent` says that nothing of this
/// request can have reached it, and nothing will.
pub(crate) fn no_answer(error: &CallError, unsent: bool) -> Problem {
    let (status, kind) = match error {
        CallError::NotSent { .. } => (StatusCode::SERVICE_UNAVAILABLE, "network-unavailable"),
        CallError::Unknown(_) => (StatusCode::GATEWAY_TIMEOUT, "network-gave-no-answer"),
        CallError::Rejected(_) => (StatusCode::BAD_GATEWAY, "network-out-of-step"),
    };
    let mut problem = Problem::new(status, kind, format!("card network: {error}"))
        .remedy("repeat the request with the same Idempotency-Key");
    if let CallError::NotSent { retry_after, .. } = error {
        problem.executed = unsent.then_some(false);
        problem = problem.retry_after(retry_after.unwrap_or(SOON));
    }
    problem
}

const SOON: Duration = Duration::from_secs(1);

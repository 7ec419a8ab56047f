//! Translates between HTTP and the teller.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use shop_kit::{
    extract::{Id, Json, no_method, no_route},
    idempotency::{Answer, IdempotencyKey},
    ids::{OrderId, PaymentId},
    page::Page,
    problem::Problem,
    webhook::WebhookSecret,
};
use tower_keep_durable::Event;

use crate::{
    domain::{Authorize, Payment, Verb},
    store::{Ledger, Store},
    teller::Teller,
};

#[derive(Debug, Clone)]
pub(crate) struct Payments {
    pub(crate) store: Store,
    pub(crate) teller: Teller,
    pub(crate) webhook_secret: Option<WebhookSecret>,
}

pub(crate) fn router(payments: Payments) -> Router {
    Router::new()
        .route("/payments", post(authorize).get(list))
        .route("/payments/{id}/capture", post(capture))
        .route("/payments/{id}/void", post(void))
        .route("/payments/{id}/refund", post(refund))
        .route("/payments/order/{id}", get(of_order))
        .route("/ledger", get(ledger))
        .route("/webhooks/cards", post(webhook))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(payments)
}

/// 201 authorized, 402 declined, 409 voided before; 503 or 504 while the network's word is missing.
async fn authorize(
    State(payments): State<Payments>,
    key: IdempotencyKey,
    Json(request): Json<Authorize>,
) -> Result<Answer, Problem> {
    request.validate()?;
    let keyed = key.asks("POST /payments", &request);
    let answer = payments.teller.authorize(&keyed, &request).await?;
    told(&request, &answer);
    Ok(answer)
}

fn told(request: &Authorize, answer: &Answer) {
    let (order, amount, status) = (request.order, request.amount, answer.status());
    tracing::info!(%order, %amount, status, "payment answered");
}

async fn capture(
    State(payments): State<Payments>,
    Id(id): Id<PaymentId>,
) -> Result<axum::Json<Payment>, Problem> {
    payments.perform(Verb::Capture, id).await
}

async fn void(
    State(payments): State<Payments>,
    Id(id): Id<PaymentId>,
) -> Result<axum::Json<Payment>, Problem> {
    payments.perform(Verb::Void, id).await
}

async fn refund(
    State(payments): State<Payments>,
    Id(id): Id<PaymentId>,
) -> Result<axum::Json<Payment>, Problem> {
    payments.perform(Verb::Refund, id).await
}

impl Payments {
    async fn perform(&self, verb: Verb, id: PaymentId) -> Result<axum::Json<Payment>, Problem> {
        self.teller.perform(verb, id).await.map(axum::Json)
    }
}

async fn of_order(
    State(payments): State<Payments>,
    Id(order): Id<OrderId>,
) -> Result<axum::Json<Payment>, Problem> {
    let payment = payments.store.of_order(order).await?;
    payment
        .map(axum::Json)
        .ok_or_else(|| Problem::not_found("payment of order", order))
}

/// All payments, piece by piece.
async fn list(
    State(payments): State<Payments>,
    page: Page,
) -> Result<axum::Json<Vec<Payment>>, Problem> {
    Ok(axum::Json(payments.store.list(&page).await?))
}

async fn ledger(State(payments): State<Payments>) -> Result<axum::Json<Ledger>, Problem> {
    Ok(axum::Json(payments.store.ledger().await?))
}

/// Takes what the card network tells, each event once. What is about nothing here is taken as well:
/// the network would only send it again. What is not signed by the network is not read.
async fn webhook(
    State(payments): State<Payments>,
    headers: HeaderMap,
    body: String,
) -> Result<axum::Json<Value>, Problem> {
    let secret = payments.webhook_secret.as_ref().ok_or_else(|| {
        let detail = "this service knows no secret that webhooks could be signed with";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-webhook-secret", detail)
            .remedy("start it with --webhook-secret")
    })?;
    secret.verify(&headers, &body)?;
    let invalid = |error: tower_keep_durable::event::InvalidEvent| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid-event", error.to_string())
            .field(error.attribute())
            .remedy("send a CloudEvent as JSON, in structured mode")
    };
    let event = Event::from_json(&body).map_err(invalid)?;
    let is_new = match event.kind().starts_with("cards.authorization.") {
        true => {
            let report = event.read().map_err(invalid)?;
            payments.store.take_webhook(&event, &report).await?
        }
        false => false,
    };
    Ok(axum::Json(json!({"new": is_new})))
}

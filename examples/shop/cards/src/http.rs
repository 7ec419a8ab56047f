//! Translates between HTTP and the store.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use http::StatusCode;
use shop_kit::{
    extract::{Id, Json, no_method, no_route},
    ids::PaymentId,
    page::Page,
    problem::Problem,
};

use crate::{
    domain::{Authorization, Authorize, Status, Verb},
    store::{CardView, Store},
};

pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/authorizations", post(authorize).get(list))
        .route("/authorizations/{id}", get(show))
        .route("/authorizations/{id}/capture", post(capture))
        .route("/authorizations/{id}/void", post(void))
        .route("/authorizations/{id}/refund", post(refund))
        .route("/cards", get(cards))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(store)
}

/// 201 while the money is held or taken; 402 declined, 409 voided, each with the authorization.
async fn authorize(
    State(store): State<Store>,
    Json(request): Json<Authorize>,
) -> Result<(StatusCode, axum::Json<Authorization>), Problem> {
    request.validate()?;
    let found = store.authorize(&request).await?;
    tracing::info!(id = %found.id, amount = %request.amount, status = found.status.as_str(), "authorization answered");
    match (found.status, &found.decline) {
        (Status::Declined, Some(decline)) => {
            let (status, code, detail) = (
                StatusCode::PAYMENT_REQUIRED,
                decline.code.clone(),
                decline.detail.clone(),
            );
            Err(found
                .refusal(status, &code, &detail)
                .field("card")
                .remedy("pay with another card, or less"))
        }
        (Status::Voided, _) => {
            let (kind, detail) = ("authorization-voided", "it was voided before it came");
            Err(found
                .refusal(StatusCode::CONFLICT, kind, detail)
                .field("id"))
        }
        _ => Ok((StatusCode::CREATED, axum::Json(found))),
    }
}

async fn show(
    State(store): State<Store>,
    Id(id): Id<PaymentId>,
) -> Result<axum::Json<Authorization>, Problem> {
    let found = store.find(id).await?;
    found
        .map(axum::Json)
        .ok_or_else(|| Problem::not_found("authorization", id))
}

async fn capture(
    State(store): State<Store>,
    Id(id): Id<PaymentId>,
) -> Result<axum::Json<Authorization>, Problem> {
    store.apply(Verb::Capture, id).await.map(axum::Json)
}

async fn void(
    State(store): State<Store>,
    Id(id): Id<PaymentId>,
) -> Result<axum::Json<Authorization>, Problem> {
    store.apply(Verb::Void, id).await.map(axum::Json)
}

async fn refund(
    State(store): State<Store>,
    Id(id): Id<PaymentId>,
) -> Result<axum::Json<Authorization>, Problem> {
    store.apply(Verb::Refund, id).await.map(axum::Json)
}

/// All authorizations, piece by piece.
async fn list(
    State(store): State<Store>,
    page: Page,
) -> Result<axum::Json<Vec<Authorization>>, Problem> {
    Ok(axum::Json(store.list(&page).await?))
}

async fn cards(State(store): State<Store>) -> Result<axum::Json<Vec<CardView>>, Problem> {
    Ok(axum::Json(store.cards().await?))
}

//! Translates between HTTP and the store.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use shop_kit::{
    extract::{Id, Json, no_method, no_route},
    idempotency::{Answer, IdempotencyKey, Keyed},
    ids::{OrderId, PaymentId},
    problem::Problem,
};

use crate::{
    domain::{Charge, Payment},
    store::{AccountView, Store},
};

pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/payments", post(charge))
        .route("/payments/{id}/refund", post(refund))
        .route("/payments/order/{id}", get(of_order))
        .route("/accounts", get(accounts))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(store)
}

async fn charge(
    State(store): State<Store>,
    key: IdempotencyKey,
    Json(charge): Json<Charge>,
) -> Result<Answer, Problem> {
    charge.validate()?;
    let answer = store
        .charge(&Keyed::new("POST /payments", key, &charge), &charge)
        .await?;
    tracing::info!(order = %charge.order, amount = %charge.amount, status = answer.status(), "charge answered");
    Ok(answer)
}

/// The id in the path is the key of a refund: however often it is asked for, it happens once.
async fn refund(
    State(store): State<Store>,
    Id(id): Id<PaymentId>,
) -> Result<axum::Json<Payment>, Problem> {
    Ok(axum::Json(store.refund(id).await?))
}

async fn of_order(
    State(store): State<Store>,
    Id(order): Id<OrderId>,
) -> Result<axum::Json<Payment>, Problem> {
    let payment = store.of_order(order).await?;
    payment
        .map(axum::Json)
        .ok_or_else(|| Problem::not_found("payment of order", order))
}

async fn accounts(State(store): State<Store>) -> Result<axum::Json<Vec<AccountView>>, Problem> {
    Ok(axum::Json(store.accounts().await?))
}

//! Translates between HTTP and the store.

use axum::{
    Router,
    extract::State,
    routing::{delete, get, post},
};
use shop_kit::{
    extract::{Id, Json, no_method, no_route},
    idempotency::{Answer, IdempotencyKey},
    ids::{OrderId, ReservationId},
    page::Page,
    problem::Problem,
};

use crate::{
    domain::{Reservation, Reserve},
    store::{Listed, ProductView, Store},
};

pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/reservations", post(reserve).get(list))
        .route("/reservations/{id}", delete(release))
        .route("/reservations/{id}/commit", post(commit))
        .route("/reservations/order/{id}", get(of_order))
        .route("/products", get(products))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(store)
}

async fn reserve(
    State(store): State<Store>,
    key: IdempotencyKey,
    Json(reserve): Json<Reserve>,
) -> Result<Answer, Problem> {
    reserve.validate()?;
    let answer = store
        .reserve(&key.asks("POST /reservations", &reserve), &reserve)
        .await?;
    tracing::info!(order = %reserve.order, status = answer.status(), "reservation answered");
    Ok(answer)
}

/// All reservations with their lines, piece by piece.
async fn list(State(store): State<Store>, page: Page) -> Result<axum::Json<Vec<Listed>>, Problem> {
    Ok(axum::Json(store.list(&page).await?))
}

/// The id in the path is the key of a release: however often it is asked for, it happens once.
async fn release(
    State(store): State<Store>,
    Id(id): Id<ReservationId>,
) -> Result<axum::Json<Reservation>, Problem> {
    Ok(axum::Json(store.release(id).await?))
}

/// The goods leave: once, however often it is asked for.
async fn commit(
    State(store): State<Store>,
    Id(id): Id<ReservationId>,
) -> Result<axum::Json<Reservation>, Problem> {
    let reservation = store
        .commit(id)
        .await?
        .ok_or_else(|| Problem::not_found("reservation", id))??;
    Ok(axum::Json(reservation))
}

async fn of_order(
    State(store): State<Store>,
    Id(order): Id<OrderId>,
) -> Result<axum::Json<Reservation>, Problem> {
    let reservation = store.of_order(order).await?;
    reservation
        .map(axum::Json)
        .ok_or_else(|| Problem::not_found("reservation of order", order))
}

async fn products(State(store): State<Store>) -> Result<axum::Json<Vec<ProductView>>, Problem> {
    Ok(axum::Json(store.products().await?))
}

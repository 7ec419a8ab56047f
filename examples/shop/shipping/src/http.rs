//! Translates between HTTP and the store.

use axum::{
    Router,
    extract::State,
    routing::{delete, get, post},
};
use http::StatusCode;
use shop_kit::{
    extract::{Id, Json, no_method, no_route},
    ids::{OrderId, ShipmentId},
    page::Page,
    problem::Problem,
};

use crate::{
    domain::{Ship, Shipment},
    store::Store,
};

/// The id that the caller gives is the key of each request: however often it is sent, it happens once.
pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/shipments", post(create).get(list))
        .route("/shipments/{id}", delete(cancel))
        .route("/shipments/{id}/dispatch", post(dispatch))
        .route("/shipments/order/{id}", get(of_order))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(store)
}

async fn create(
    State(store): State<Store>,
    Json(ship): Json<Ship>,
) -> Result<(StatusCode, axum::Json<Shipment>), Problem> {
    ship.validate()?;
    let shipment = store.create(&ship).await??;
    tracing::info!(order = %ship.order, shipment = %ship.id, "parcel packed");
    Ok((StatusCode::CREATED, axum::Json(shipment)))
}

/// All shipments, piece by piece.
async fn list(
    State(store): State<Store>,
    page: Page,
) -> Result<axum::Json<Vec<Shipment>>, Problem> {
    Ok(axum::Json(store.list(&page).await?))
}

async fn cancel(
    State(store): State<Store>,
    Id(id): Id<ShipmentId>,
) -> Result<axum::Json<Shipment>, Problem> {
    Ok(axum::Json(store.cancel(id).await??))
}

async fn dispatch(
    State(store): State<Store>,
    Id(id): Id<ShipmentId>,
) -> Result<axum::Json<Shipment>, Problem> {
    let shipment = store
        .dispatch(id)
        .await?
        .ok_or_else(|| Problem::not_found("shipment", id))??;
    Ok(axum::Json(shipment))
}

async fn of_order(
    State(store): State<Store>,
    Id(order): Id<OrderId>,
) -> Result<axum::Json<Shipment>, Problem> {
    let shipment = store.of_order(order).await?;
    shipment
        .map(axum::Json)
        .ok_or_else(|| Problem::not_found("shipment of order", order))
}

//! Translates between HTTP and the flow of orders.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderName, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use shop_kit::{
    client::{CallError, Read},
    extract::{Id, Json, Params, no_method, no_route},
    idempotency::{Answer, IdempotencyKey, Keyed},
    ids::OrderId,
    problem::Problem,
};
use tower_keep::{context::Priority, protocol::Head};

use crate::{
    domain::{NewOrder, Order, Status},
    peers::Peers,
    place_order::PlaceOrder,
    store::{Accepted, Store},
};

#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pub(crate) store: Store,
    pub(crate) flow: PlaceOrder,
    pub(crate) peers: Peers,
}

pub(crate) fn router(orders: Orders) -> Router {
    Router::new()
        .route(PRODUCTS, get(products))
        .route("/orders", post(place).get(list))
        .route("/orders/{id}", get(show))
        .route("/orders/{id}/cancel", post(cancel))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(orders)
}

const PRODUCTS: &str = "/products";

/// Checkout over browsing: of too many requests those go first that only look around.
pub(crate) fn matters(head: &Head<'_>) -> Priority {
    if head.method == Method::POST {
        Priority::CRITICAL
    } else if head.uri.path() == PRODUCTS {
        BROWSING
    } else {
        Priority::default()
    }
}

const BROWSING: Priority = Priority::of_urgency(5);

/// What there is to buy. With an `Age` if inventory could not be asked: then it is what there was.
async fn products(State(orders): State<Orders>) -> Result<Response, Problem> {
    let Read { value, age } = orders.peers.products().await.map_err(|error| {
        let wait = match &error {
            CallError::NotSent { retry_after, .. } => *retry_after,
            CallError::Rejected(_) | CallError::Unknown(_) => None,
        };
        tracing::info!(%error, "no products to show");
        let (status, kind) = (StatusCode::SERVICE_UNAVAILABLE, "no-products");
        Problem::new(status, kind, "what there is to buy is not known right now")
            .retry_after(wait.unwrap_or(Duration::from_secs(1)))
    })?;
    let age: Option<[(HeaderName, String); 1]> =
        age.map(|age| [(header::AGE, age.as_secs().to_string())]);
    Ok((age, axum::Json::<Value>(value)).into_response())
}

async fn place(
    State(orders): State<Orders>,
    key: IdempotencyKey,
    Json(order): Json<NewOrder>,
) -> Result<Answer, Problem> {
    order.validate()?;
    let keyed = Keyed::new("POST /orders", key, &order);
    let id = match orders.store.accept(&keyed, &order).await? {
        Accepted::Order(id) => id,
        Accepted::Answered(answer) => return Ok(answer),
    };
    // Neither a customer who hangs up nor the server's timeout stops it half way: the detach layer
    // finishes what has begun.
    let progress = orders.flow.advance(id).await?;
    let answer = answer(progress.order());
    orders.store.answer(&keyed, &answer).await?;
    tracing::info!(order = %id, status = answer.status(), "order answered");
    Ok(answer)
}

/// 201 confirmed, 202 still under way, 402 or 409 refused.
fn answer(order: &Order) -> Answer {
    let path = format!("/orders/{}", order.id);
    match (order.status, &order.refusal) {
        (Status::Refused, Some(refusal)) => {
            let status = if refusal.by == "payments" {
                StatusCode::PAYMENT_REQUIRED
            } else {
                StatusCode::CONFLICT
            };
            Problem::new(status, "order-refused", refusal.reason.clone())
                .with("order", order.id.to_string())
                .with("refused_by", refusal.by.clone())
                .remedy("place another order with a fresh Idempotency-Key")
                .into()
        }
        (status, _) if status.is_settled() => {
            Answer::new(StatusCode::CREATED, order).location(path)
        }
        _ => Answer::new(StatusCode::ACCEPTED, order).location(path),
    }
}

async fn show(
    State(orders): State<Orders>,
    Id(id): Id<OrderId>,
) -> Result<axum::Json<Order>, Problem> {
    let order = orders.store.load(id).await?;
    order
        .map(axum::Json)
        .ok_or_else(|| Problem::not_found("order", id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    customer: String,
    #[serde(default = "default_limit")]
    limit: i64,
}

fn default_limit() -> i64 {
    100
}

async fn list(
    State(orders): State<Orders>,
    Params(ListParams { customer, limit }): Params<ListParams>,
) -> Result<axum::Json<Vec<Order>>, Problem> {
    if !(1..=1000).contains(&limit) {
        return Err(
            Problem::invalid("limit", format!("it is {limit}")).remedy("ask for 1 to 1000 orders")
        );
    }
    Ok(axum::Json(
        orders.store.of_customer(&customer, limit).await?,
    ))
}

/// The id in the path is the key of a cancellation: however often it is asked for, money and stock
/// go back once. 200 cancelled, 202 when the giving back is still under way.
async fn cancel(State(orders): State<Orders>, Id(id): Id<OrderId>) -> Result<Response, Problem> {
    let order = orders
        .store
        .cancel(id)
        .await?
        .ok_or_else(|| Problem::not_found("order", id))?;
    if matches!(order.status, Status::Refused | Status::Refusing) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "order-refused",
            "the order was refused, there is nothing to cancel",
        ));
    }
    let progress = orders.flow.advance(id).await?;
    let order = progress.order();
    let status = if order.status.is_settled() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, axum::Json(order)).into_response())
}

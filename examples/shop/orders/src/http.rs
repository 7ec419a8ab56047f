//! Translates between HTTP and the flow of orders.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde::Deserialize;
use shop_kit::{
    extract::{Id, Json, Params, no_method, no_route},
    idempotency::{Answer, IdempotencyKey, Keyed},
    ids::OrderId,
    problem::Problem,
};
use tower_keep::context;

use crate::{
    domain::{NewOrder, Order, Status},
    place_order::PlaceOrder,
    store::{Accepted, Store},
};

#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pub(crate) store: Store,
    pub(crate) flow: PlaceOrder,
}

pub(crate) fn router(orders: Orders) -> Router {
    Router::new()
        .route("/orders", post(place).get(list))
        .route("/orders/{id}", get(show))
        .route("/orders/{id}/cancel", post(cancel))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(orders)
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
    // In a task of its own: neither a customer who hangs up nor the server's timeout stops the order
    // half way. The correlation id goes along.
    let work = context::spawn(async move {
        let progress = orders.flow.advance(id).await?;
        let answer = answer(progress.order());
        orders.store.answer(&keyed, &answer).await?;
        tracing::info!(order = %id, status = answer.status(), "order answered");
        Ok::<_, Problem>(answer)
    });
    work.await.map_err(|_| interrupted())?
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
    let work = context::spawn(async move { orders.flow.advance(id).await });
    let progress = work.await.map_err(|_| interrupted())??;
    let order = progress.order();
    let status = if order.status.is_settled() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, axum::Json(order)).into_response())
}

fn interrupted() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "interrupted",
        "the work on this request was interrupted",
    )
    .remedy("repeat the request with the same Idempotency-Key")
}

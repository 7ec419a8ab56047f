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
use serde_json::{Value, json};
use shop_kit::{
    client::{CallError, Read},
    extract::{Id, Json, Params, no_method, no_route},
    flow::Flow,
    idempotency::{Answer, IdempotencyKey},
    ids::OrderId,
    page::Page,
    problem::Problem,
};
use tower_keep::{context::Priority, protocol::Head};

use crate::{
    domain::{NewOrder, Order, Status},
    peers::Peers,
    sagas::{CancelOrder, PlaceOrder},
    store::{Accepted, Store},
};

#[derive(Debug, Clone)]
pub(crate) struct Orders {
    store: Store,
    peers: Peers,
    place: PlaceOrder,
    cancel: CancelOrder,
    /// The way of new orders.
    flow: Flow,
}

impl Orders {
    pub(crate) fn new(store: Store, peers: Peers, flow: Flow) -> Self {
        let place = PlaceOrder {
            store: store.clone(),
            peers: peers.clone(),
        };
        let cancel = CancelOrder {
            store: store.clone(),
            peers: peers.clone(),
        };
        Self {
            store,
            peers,
            place,
            cancel,
            flow,
        }
    }
}

pub(crate) fn router(orders: Orders) -> Router {
    Router::new()
        .route(PRODUCTS, get(products))
        .route("/orders", post(place).get(list))
        .route("/orders/{id}", get(show))
        .route("/orders/{id}/cancel", post(cancel))
        .route("/orders/{id}/events", get(events))
        .route("/orders/{id}/saga", get(saga))
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
    let keyed = key.asks("POST /orders", &order);
    let accepted = orders
        .store
        .accept(&orders.place, orders.flow, &keyed, &order)
        .await?;
    let (id, ticket) = match accepted {
        Accepted::Order(id, ticket) => (id, ticket),
        Accepted::Answered(answer) => return Ok(answer),
    };
    // A customer who hangs up stops nothing: the order goes on by itself, and the detach layer sees
    // to it that the answer is kept for a repeat. By choreography there is no such saga to wait for.
    let order = orders.store.wait(id, &orders.place.saga_of(id)).await?;
    let answer = answer(&order);
    orders.store.answer(&ticket, &answer).await?;
    tracing::info!(order = %id, status = answer.status(), "order answered");
    Ok(answer)
}

/// 201 confirmed, 202 still under way, 402 or 409 rejected.
fn answer(order: &Order) -> Answer {
    let path = format!("/orders/{}", order.id);
    match (order.status, &order.refusal) {
        (Status::Rejected | Status::Expired, Some(refusal)) => {
            let status = if refusal.by == "payments" {
                StatusCode::PAYMENT_REQUIRED
            } else {
                StatusCode::CONFLICT
            };
            Problem::new(status, "order-rejected", refusal.reason.clone())
                .with("order", order.id.to_string())
                .with("rejected_by", refusal.by.clone())
                .remedy("place another order with a fresh Idempotency-Key")
                .into()
        }
        (status, _) if status.is_answer() => {
            Answer::new(StatusCode::CREATED, order).location(&path)
        }
        _ => Answer::new(StatusCode::ACCEPTED, order).location(&path),
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
    customer: Option<String>,
    after: Option<String>,
    not_progressing: Option<bool>,
    limit: Option<i64>,
}

/// The newest orders of a customer (`?customer=`); or all orders by their ids, piece by piece, for those
/// who check the books (`?after=`); or those of which there is an alarm, since nobody tells what becomes of
/// them (`?not_progressing=true`).
async fn list(
    State(orders): State<Orders>,
    Params(ListParams {
        customer,
        after,
        not_progressing,
        limit,
    }): Params<ListParams>,
) -> Result<axum::Json<Vec<Order>>, Problem> {
    let page = |after| {
        let limit = limit.unwrap_or(100);
        Page { after, limit }.validate()
    };
    let found = match (customer, after, not_progressing) {
        (Some(customer), None, None) => {
            let limit = page(String::new())?.limit;
            orders.store.of_customer(&customer, limit).await?
        }
        (None, Some(after), None) => orders.store.list(&page(after)?).await?,
        (None, None, Some(true)) => {
            let limit = page(String::new())?.limit;
            let silent = orders.store.not_progressing(limit).await?;
            silent.into_iter().map(|silent| silent.order).collect()
        }
        _ => {
            let detail = "it must have one of `customer`, `after` and `not_progressing=true`";
            let problem = Problem::new(StatusCode::BAD_REQUEST, "malformed-query", detail);
            return Err(problem.field("query").remedy("ask for ?customer=name"));
        }
    };
    Ok(axum::Json(found))
}

/// The id in the path is the key of a cancellation: however often it is asked for, money and stock
/// go back once. 200 cancelled, 202 when the giving back is still under way, 409 if it is too late.
async fn cancel(State(orders): State<Orders>, Id(id): Id<OrderId>) -> Result<Response, Problem> {
    let saga = orders.store.cancel(&orders.cancel, id).await?;
    let saga = saga.unwrap_or_else(|| orders.place.saga_of(id));
    let order = orders.store.wait(id, &saga).await?;
    let status = match (order.status, order.refusal.as_ref()) {
        (Status::Cancelled, _) => StatusCode::OK,
        (Status::Cancelling, _) => StatusCode::ACCEPTED,
        (_, refusal) => {
            let why = refusal.map_or("the order cannot be cancelled", |no| &*no.reason);
            let problem = Problem::new(StatusCode::CONFLICT, "order-not-cancelled", why);
            return Err(problem.with("order", id.to_string()));
        }
    };
    Ok((status, axum::Json(order)).into_response())
}

/// All that ever happened to an order.
async fn events(
    State(orders): State<Orders>,
    Id(id): Id<OrderId>,
) -> Result<axum::Json<Vec<Value>>, Problem> {
    let events = orders.store.events(id).await?;
    if events.is_empty() {
        return Err(Problem::not_found("order", id));
    }
    Ok(axum::Json(events))
}

/// Where the saga of an order is, and how it came there. By choreography there is none, and nobody
/// knows more than what was told: that, when, who has to speak next, and whether there is an alarm that
/// they do not.
async fn saga(
    State(orders): State<Orders>,
    Id(id): Id<OrderId>,
) -> Result<axum::Json<Value>, Problem> {
    let order = orders.store.load(id).await?;
    if let Some(order) = order
        && order.flow == Flow::Choreography
    {
        let (logged_at, not_progressing) = orders.store.progress(id).await?;
        return Ok(axum::Json(json!({
            "id": id, "flow": order.flow, "status": order.status, "known": order.parts,
            "waits_for": order.waits_for(), "logged_at": logged_at,
            "not_progressing": not_progressing,
        })));
    }
    let saga = orders.store.saga(&orders.place.saga_of(id)).await?;
    saga.map(axum::Json)
        .ok_or_else(|| Problem::not_found("saga of order", id))
}

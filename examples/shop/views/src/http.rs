//! Translates between HTTP and the store.

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use serde::Deserialize;
use shop_kit::{
    extract::{Params, no_method, no_route},
    problem::Problem,
};

use crate::{
    domain::OrderView,
    store::{Dashboard, Progress, Search, Store},
};

pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/search", get(search))
        .route("/dashboard/{customer}", get(dashboard))
        .route("/lag", get(lag))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(store)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchParams {
    customer: Option<String>,
    status: Option<String>,
    #[serde(default = "default_limit")]
    limit: i64,
}

fn default_limit() -> i64 {
    100
}

/// The orders that are wanted, the latest first.
async fn search(
    State(store): State<Store>,
    Params(SearchParams {
        customer,
        status,
        limit,
    }): Params<SearchParams>,
) -> Result<axum::Json<Vec<OrderView>>, Problem> {
    if !(1..=1000).contains(&limit) {
        return Err(
            Problem::invalid("limit", format!("it is {limit}")).remedy("ask for 1 to 1000 orders")
        );
    }
    let status = status
        .map(|status| status.parse())
        .transpose()
        .map_err(|error: String| Problem::invalid("status", error))?;
    let wanted = Search {
        customer,
        status,
        limit,
    };
    Ok(axum::Json(store.search(&wanted).await?))
}

/// A customer of whom nothing was ever heard has an empty one.
async fn dashboard(
    State(store): State<Store>,
    Path(customer): Path<String>,
) -> Result<axum::Json<Dashboard>, Problem> {
    Ok(axum::Json(store.dashboard(customer).await?))
}

/// How old what is shown may be.
async fn lag(State(store): State<Store>) -> Result<axum::Json<Progress>, Problem> {
    Ok(axum::Json(store.progress().await?))
}
